"""What people can do with federations and runs. Each call is one governed transaction."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Institution, User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from federation import mailbox, training
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import digest
from federation.domain.run_config import RunConfig
from federation.models import Consent, DataManifest, Federation, Participant, Round, SiteOrder, TrainingRun
from federation.models_sites import RunEngine

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
    engine: str = RunEngine.Engine.LOCAL,
) -> TrainingRun:
    """Freeze a configuration on the data that the sites now hold, and ask them for consent.

    Without `local`, the recommended local training of the federation's task is taken, and with it, if it is
    differentially private, its recommended budget.
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
        config = _configuration(federation, held, rounds, seed, local, epsilon_budget)
    except (ValueError, TypeError) as error:
        raise ApplicationError(f"The configuration is not valid: {error}") from error
    with governed(action="run.propose", actor=actor.id):
        run = TrainingRun.objects.create(
            federation=federation, name=name, config=config.as_dict(), config_hash=config.hash, requested_by=actor
        )
        if engine != RunEngine.Engine.LOCAL:
            RunEngine.objects.create(run=run, engine=engine)
        return run


def _configuration(
    federation: Federation, held: dict[str, DataManifest], rounds: int, seed: int, local: dict | None,
    epsilon_budget: float | None,
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
    )


def _recommended(task: str, side: int | None) -> LocalConfig:
    from federation.domain.learning.defaults import default_config

    return default_config(task, side)  # type: ignore[arg-type]


def image_side(federation: Federation) -> int | None:
    """Pixels of a side of the sites' images, as far as a manifest says it; None if they hold rows of a table."""
    latest = DataManifest.objects.filter(participant__federation=federation).order_by("-created_at").first()
    return None if latest is None else min(latest.content["shape"][1:], default=None)


def consent_decide(*, run: TrainingRun, participant: Participant, decision: str, reason: str, actor: User) -> Consent:
    """A site's operator answers for the site, to exactly this configuration. The last consent approves the run."""
    if participant.institution_id not in actor.institution_ids:
        raise Forbidden(f"Only {participant.institution} answers for its own data.")
    if decision not in Consent.Decision.values:
        raise ApplicationError(f"Expected a decision among {', '.join(Consent.Decision.values)}, got {decision!r}.")
    with governed(action=f"consent.{decision}", actor=actor.id, reason=reason):
        run = training.lock_run(run.id)
        before = run.consents.filter(participant=participant).last()
        if before is not None and before.decision == decision:
            raise Conflict(f"{participant.institution} has already answered: {before.decision}.")
        if not run.is_open:
            raise Conflict(f"The run is {run.state}; consent is asked only while it is open.")
        if decision == Consent.Decision.WITHDRAWN and (before is None or before.decision != Consent.Decision.GIVEN):
            raise Conflict("There is no consent to withdraw.")
        consent = Consent.objects.create(
            run=run, participant=participant, config_hash=run.config_hash, decision=decision, reason=reason,
            decided_by=actor,
        )  # fmt: skip
        if decision == Consent.Decision.GIVEN:
            if run.state == State.PROPOSED and all(c == Consent.Decision.GIVEN for c in consents_of(run).values()):
                training.set_state(run, State.APPROVED)
        else:
            _consent_lost(run, f"{participant.institution} has {decision} consent", reason, actor)
        return consent


def _consent_lost(run: TrainingRun, what: str, reason: str, actor: User) -> None:
    """The reason is the writer's, and sealed; the display of progress, which is not, says only what happened."""
    told = f"{what}: {reason or 'no reason given'}"
    training.set_state(run, State.ABORTED, stop_reason=told, stopped_by=actor.id)
    training.cancel_open_round(run)
    training.show(run, "aborted", what)


def consents_of(run: TrainingRun) -> dict[str, str | None]:
    """Site to its latest decision; None where it has not answered."""
    latest: dict[str, str | None] = {p.site: None for p in training.participants_of(run)}
    for consent in run.consents.select_related("participant"):
        latest[consent.participant.site] = consent.decision
    return latest


def run_start(*, run: TrainingRun, actor: User) -> TrainingRun:
    with governed(action="run.start", actor=actor.id):
        run = training.lock_run(run.id)
        if run.state == State.PROPOSED:
            waiting = sorted(site for site, decision in consents_of(run).items() if decision != Consent.Decision.GIVEN)
            raise Conflict(f"The run starts when every site has consented; still waiting for {', '.join(waiting)}.")
        if run.state == State.PAUSED:
            raise Conflict("The run is paused; resume it instead.")
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
