"""What people can do with federations and runs. Each call is one governed transaction."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Institution, User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation import budgets, consents, mailbox, sealing, site_statements, training
from federation.agreements import refuse_without_agreement
from federation.consents import consent_decide, consents_of, reconsideration_decide
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import digest
from federation.domain.run_config import FORMAT_WITH_PARTS, RunConfig
from federation.domain.secure.config import SecurityConfig
from federation.models import DataManifest, Federation, Participant, Round, SiteOrder, TrainingRun
from federation.proposing import terms_for

__all__ = ["consent_decide", "consents_of", "reconsideration_decide"]  # of the module consents, called from here too
State = TrainingRun.State
MIN_SITES = 2


def federation_create(
    *, name: str, purpose: str, data_title: str, task: str, synthetic: bool, actor: User
) -> Federation:
    with governed(action="federation.create", actor=actor.id):
        return Federation.objects.create(
            name=name, purpose=purpose, data_title=data_title, task=task, synthetic=synthetic
        )


def participant_add(
    *, federation: Federation, institution: Institution, site: str, public_key: str, actor: User
) -> Participant:
    """Admit a site with the key its worker signs with, and ask it what data it holds."""
    with governed(action="participant.add", actor=actor.id):
        participant, created = Participant.objects.get_or_create(
            federation=federation, institution=institution, defaults={"site": site, "public_key": public_key}
        )
        if not created and participant.public_key != public_key:
            participant.public_key = public_key
            participant.save(update_fields=["public_key"])
        return participant


def manifest_request(*, participant: Participant, key: str) -> SiteOrder:
    """Ask a site for its data manifest; `key` names the asking, so that it is done once."""
    with transaction.atomic():
        return mailbox.order_create(
            participant=participant, kind="manifest", key=f"manifest:{key}", subject=participant.id, body={},
            attachments={},
        )  # fmt: skip


def manifest_answered(payload: dict) -> jobs.Effects | None:
    order = SiteOrder.objects.select_related("participant").get(id=payload["order"])
    answer = order.answer
    if order.state != SiteOrder.State.ANSWERED or answer is None:
        return None

    def effects() -> None:
        with governed(action="manifest.receive", reason=f"signed by {order.participant.site}"):
            DataManifest.objects.get_or_create(
                participant=order.participant,
                digest=answer["digest"],
                defaults={"content": answer["manifest"]},
            )

    return effects


def run_propose(
    *,
    federation: Federation,
    name: str,
    rounds: int,
    seed: int,
    actor: User,
    local: dict | None = None,
    epsilon_budget: float | None = None,
    terms: dict | None = None,
    privacy: dict | None = None,
    security: dict | None = None,
) -> TrainingRun:
    """Freeze a configuration and its terms on the data that the sites now hold, and ask them for consent.

    Without `local`, the recommended local training of the federation's task is taken, and with it, if it is
    differentially private, its recommended budget. `privacy` names a regime and its epsilon instead; then the noise is
    the least that keeps every site within it. What the run may spend is reserved from the institutions' budgets.
    `security` chooses how updates are sealed and masked, see `security_part`; without it they are signed only.
    """
    manifests = {p.site: p.manifests.first() for p in federation.participants.filter(is_active=True)}
    missing = sorted(site for site, found in manifests.items() if found is None)
    if missing or len(manifests) < MIN_SITES:
        raise Conflict(
            f"A run needs at least {MIN_SITES} sites with a data manifest; "
            + (f"still missing: {', '.join(missing)}. Start their workers." if missing else f"got {len(manifests)}.")
        )
    held = {site: manifest for site, manifest in manifests.items() if manifest is not None}
    try:
        config = _configuration(federation, held, rounds, seed, local, epsilon_budget, terms, privacy, security)
    except (ValueError, TypeError) as error:
        raise ApplicationError(f"The configuration is not valid: {error}") from error
    refuse_without_agreement(federation)
    with governed(action="run.propose", actor=actor.id):
        run = TrainingRun.objects.create(
            federation=federation, name=name, config=config.as_dict(), config_hash=config.hash, requested_by=actor
        )
        budgets.reserve(run, {held[p.site].participant: held[p.site] for p in training.participants_of(run)})
        site_statements.proposal_send(run)
        return run


def _configuration(
    federation: Federation, held: dict[str, DataManifest], rounds: int, seed: int, local: dict | None,
    epsilon_budget: float | None, terms: dict | None, privacy: dict | None, security: dict | None,
) -> RunConfig:  # fmt: skip
    from federation.domain.models.registry import default_specs  # torch: only who proposes a run loads it

    shapes = {tuple(manifest.content["shape"]) for manifest in held.values()}
    if len(shapes) != 1:
        raise ValueError(f"expected one shape of data at all sites, got {sorted(shapes)}; align their preparation")
    inputs, *sides = next(iter(shapes))
    if len(sides) > 2:
        raise ValueError(f"expected rows or images, got slabs of {sides[0]} slices; load the set without slab")
    side = min(sides, default=None)
    primary, baseline = default_specs(federation.task, inputs, side)  # type: ignore[arg-type]
    chosen = LocalConfig.from_dict(local) if local else _recommended(federation.task, side)
    parts: dict[str, Any] = {}
    if privacy is not None:
        if epsilon_budget is not None:
            raise ValueError("expected epsilon in the privacy part or as a budget of its own, got both")
        chosen, regime = budgets.with_privacy(federation.task, chosen, privacy, held, rounds)  # type: ignore[arg-type]
        epsilon_budget, parts["privacy"] = regime.epsilon, regime.as_dict()
    if security is not None:
        parts["security"] = security_part(federation, held, security)
    if epsilon_budget is None and chosen.dp is not None:
        epsilon_budget = 10.0
    return RunConfig(
        task=federation.task,
        models={"primary": primary, "baseline": baseline},
        rounds=rounds,
        seed=seed,
        local=chosen,
        epsilon_budget=epsilon_budget,
        data_digests={site: digest(manifest.content) for site, manifest in held.items()},
        terms=terms_for(federation, terms, epsilon=epsilon_budget, today=timezone.now().date()).as_dict(),
        format=FORMAT_WITH_PARTS,
        **parts,
    )


def security_part(federation: Federation, held: dict[str, DataManifest], chosen: dict) -> dict:
    """The part `security`: what was chosen of it, the recommended rest, the sites' keys and their largest share."""
    known = {"masking", "threshold", "keep", "field_bits", "clip", "error_feedback", "min_cell"}
    if unknown := set(chosen) - known:
        raise ValueError(f"expected security with some of {sorted(known)}, got {sorted(unknown)}")
    sites = [p for p in federation.participants.filter(is_active=True) if p.site in held]
    if silent := sorted(p.site for p in sites if sealing.certificate_of(p) is None):
        raise ValueError(
            f"expected every worker to have stated the key that it opens letters with; missing: {', '.join(silent)}. "
            "Start those workers again in their present version"
        )
    keys = {p.site: hashlib.sha256(base64.b64decode(p.public_key)).hexdigest() for p in sites}
    most = max(1, *(int(manifest.content["n_patients"]) for manifest in held.values()))
    return SecurityConfig.recommended(keys, most_records=most, **chosen).as_dict()


def _recommended(task: str, side: int | None) -> LocalConfig:
    from federation.domain.learning.defaults import default_config

    return default_config(task, side)  # type: ignore[arg-type]


def image_side(federation: Federation) -> int | None:
    """Pixels of a side of the sites' images, as far as a manifest says it; None if they hold rows of a table."""
    latest = DataManifest.objects.filter(participant__federation=federation).order_by("-created_at").first()
    return None if latest is None else min(latest.content["shape"][1:], default=None)


def run_start(*, run: TrainingRun, actor: User) -> TrainingRun:
    with governed(action="run.start", actor=actor.id):
        run = training.lock_run(run.id)
        if waiting := consents.waiting_for(run):
            raise Conflict(
                f"The run starts when every site has consented; still waiting for {', '.join(waiting)}. "
                + " ".join(f"{site}: {', '.join(who)}." for site, who in waiting.items())
            )
        if run.state == State.PAUSED:
            raise Conflict("The run is paused; resume it instead.")
        budgets.require(run)
        training.set_state(run, State.RUNNING)
        jobs.enqueue("run.begin", {"run": str(run.id)}, key=f"begin:{run.id}")
    return run


def run_pause(*, run: TrainingRun, actor: User) -> TrainingRun:
    """Finish the round in hand, then wait."""
    with governed(action="run.pause", actor=actor.id):
        run = training.lock_run(run.id)
        training.set_state(run, State.PAUSED)
        training.show(run, "paused", "Paused; the round in hand is finished first")
    return run


def run_resume(*, run: TrainingRun, actor: User) -> TrainingRun:
    with governed(action="run.resume", actor=actor.id):
        run = training.lock_run(run.id)
        if run.state != State.PAUSED:
            raise Conflict(f"Only a paused run can be resumed; this one is {run.state}.")
        training.set_state(run, State.RUNNING)
        training.show(run, "resumed", "Resumed")
        last = run.rounds.last()
        if last is not None and last.state == Round.State.DONE:
            training.move_on(run, last)
        elif last is None:  # paused before the first round
            jobs.enqueue("run.begin", {"run": str(run.id)}, key=f"begin:{run.id}:{timezone.now().isoformat()}")
    return run


def run_abort(*, run: TrainingRun, reason: str, actor: User) -> TrainingRun:
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    with governed(action="run.abort", actor=actor.id, reason=reason):
        run = training.lock_run(run.id)
        training.set_state(run, State.ABORTED, stop_reason=reason, stopped_by=actor.id)
        training.cancel_open_round(run)
        training.show(run, "aborted", "Aborted; the reason is on the run")
    return run
