"""What checks ask the platform for, because no site knows it. Each fact is a mapping; its check says which keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from audits.predeployment.checks.links import Link, State
from audits.predeployment.lineage_facts import lineage
from audits.predeployment.models import AuditRun
from audits.predeployment.trail_facts import ledger
from federation import training
from federation.domain.messages import digest
from federation.models import Consent, TrainingRun
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
        if not done or participant.updates.filter(round__run=run, round__state="done").count() != done:
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
    """Each site's last answer to the run: see `checks.consents`. People are named by their opaque ids."""
    run = version.run
    links, sites = [], []
    participants = {p.site: p for p in training.participants_of(run)}
    for site in sorted(run.config["data_digests"]):
        found = participants.get(site)
        given = run.consents.filter(participant=found).order_by("created_at").last() if found else None
        links.append(_consent(run, f"consent of {site}", given).as_fact())
        sites.append({
            "site": site, "institution": found.institution.slug if found else None,
            "decision": given.decision if given else None, "config_hash": given.config_hash if given else None,
            "by": str(given.decided_by_id) if given else None, "at": given.created_at.isoformat() if given else None,
        })  # fmt: skip
    return {"config_hash": run.config_hash, "links": links, "sites": sites}


def _consent(run: TrainingRun, what: str, given: Consent | None) -> Link:
    if given is None:
        return Link(what, State.BROKEN, "expected consent, found no answer")
    if given.decision != Consent.Decision.GIVEN:
        return Link(what, State.BROKEN, f"expected consent, found that it was {given.decision}")
    if given.config_hash != run.config_hash:
        return Link(what, State.BROKEN, f"expected consent to {run.config_hash}, found it to {given.config_hash}")
    if run.started_at is None:
        return Link(what, State.UNKNOWN, "when training began is not on record")
    if given.created_at > run.started_at:
        return Link(what, State.BROKEN, f"expected consent before training began, found it at {given.created_at:%F %T}")
    return Link(what, State.HOLDS, f"given at {given.created_at:%F %T} UTC")


FACTS: dict[str, Callable[[Version], dict[str, Any] | None]] = {
    "card": card, "consents": consents, "epsilon": epsilon, "ledger": ledger, "lineage": lineage,
}  # fmt: skip
