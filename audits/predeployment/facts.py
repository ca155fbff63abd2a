"""What checks ask the platform for, because no site knows it. Each fact is a mapping; its check says which keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from audits.predeployment.checks.links import Link, State
from audits.predeployment.lineage_facts import lineage
from audits.predeployment.models import AuditRun
from audits.predeployment.trail_facts import ledger
from federation import training
from federation.consents import required_of, signed_by
from federation.domain.messages import digest
from federation.models import Consent, SiteOrder, TrainingRun
from federation.models_participation import Exclusion
from models_registry.binding import latest_card
from models_registry.cards import completeness
from models_registry.models import Version


def collect(names: Iterable[str], audit: AuditRun) -> dict[str, Any]:
    """The facts of these names about an audit's version, as they stand now."""
    return {name: FACTS[name](audit.version) for name in names}


def epsilon(version: Version) -> dict[str, Any]:
    """What training has spent, as the accountant counts it again from the updates: see `checks.epsilon`.

    Not read from the rounds, so that two records must agree. A site is None where no noise bounds it, or where an
    update is missing.
    """
    config, run = version.config, version.run
    dp = config["local"]["dp"]
    spent: dict[str, float | None] = dict(training.epsilon_by_site(run))
    done = run.rounds.filter(state="done").count()
    for participant in training.participants_of(run):
        of_done = {"round__run": run, "round__state": "done"}
        left_out = participant.exclusions.filter(**of_done, phase="train", kind__in=Exclusion.OUT)  # spent all the same
        if not done or participant.updates.filter(**of_done).count() + left_out.count() != done:
            spent[participant.site] = None
    return {
        "by_site": spent, "delta": dp["delta"] if dp else None, "budget": config["epsilon_budget"],
        "declared": dp is not None,
    }  # fmt: skip


def card(version: Version) -> dict[str, Any] | None:
    """How much of its schema the newest edition states: see `checks.card`."""
    newest = latest_card(version)
    if newest is None:
        return None
    found = completeness(newest.content)
    return {
        "schema": newest.content["schema"], "edition": newest.edition, "digest": newest.digest,
        "intact": digest(newest.content) == newest.digest, "stated": found.stated, "required": found.required,
        "missing": list(found.missing),
    }  # fmt: skip


def consents(version: Version) -> dict[str, Any]:
    """Each signer's last answer to the run: see `checks.consents`. People are named by their opaque ids."""
    run = version.run
    links, sites = [], []
    participants, signed, required = (
        {p.site: p for p in training.participants_of(run)},
        signed_by(run),
        required_of(run),
    )
    for site in sorted(run.config["data_digests"]):
        found = participants.get(site)
        for capacity in required:
            what = f"consent of {site}" + (f", {capacity}" if len(required) > 1 else "")
            said = signed.get(site, {}).get(capacity)
            links.append(_consent(run, what, said).as_fact())
            sites.append({
                "site": site, "institution": found.institution.slug if found else None, "capacity": capacity,
                "decision": said.decision if said else None, "config_hash": said.config_hash if said else None,
                "by": str(said.decided_by_id) if said and said.decided_by_id else None,
                "at": said.created_at.isoformat() if said else None,
            })  # fmt: skip
    return {"config_hash": run.config_hash, "links": links, "sites": sites}


def _consent(run: TrainingRun, what: str, said: Consent | None) -> Link:
    """Given before training began; who withdrew while it went on must have been asked for nothing after that."""
    if said is None:
        return Link(what, State.BROKEN, "expected consent, found no answer")
    given, after = said, ""
    if run.started_at is not None:
        own = run.consents.filter(participant=said.participant, capacity=said.capacity, created_at__lte=run.started_at)
        given = own.filter(decision=Consent.Decision.GIVEN).last() or said
    if said.decision != Consent.Decision.GIVEN:
        while_training = run.finished_at is not None and said.created_at <= run.finished_at and given != said
        if not while_training or _asked_after(run, said):
            return Link(what, State.BROKEN, f"expected consent, found that it was {said.decision}")
        after = f"; {said.decision} at {said.created_at:%F %T} UTC, and asked for nothing after that"
    if given.config_hash != run.config_hash:
        return Link(what, State.BROKEN, f"expected consent to {run.config_hash}, found it to {given.config_hash}")
    if run.started_at is None:
        return Link(what, State.UNKNOWN, "when training began is not on record")
    if given.created_at > run.started_at:
        return Link(what, State.BROKEN, f"expected consent before training began, found it at {given.created_at:%F %T}")
    return Link(what, State.HOLDS, f"given at {given.created_at:%F %T} UTC{after}")


def _asked_after(run: TrainingRun, said: Consent) -> bool:
    asked = SiteOrder.objects.filter(subject__in=run.rounds.values("id"), participant=said.participant)
    return asked.filter(created_at__gt=said.created_at).exists()


FACTS: dict[str, Callable[[Version], dict[str, Any] | None]] = {
    "card": card, "consents": consents, "epsilon": epsilon, "ledger": ledger, "lineage": lineage,
}  # fmt: skip
