"""What people can do with federations and runs. Each call is one governed transaction."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from core.spoken import inside
from core.tones import look_of
from federation import budgets, consents, mailbox, quantum_health, site_statements, starting, training
from federation.agreements import refuse_without_agreement
from federation.consents import consent_decide, consents_of, reconsideration_decide
from federation.domain.run_config import LOCAL, carrier
from federation.engines import state as engines
from federation.models import DataManifest, Federation, Participant, Round, SiteOrder, TrainingRun
from federation.models_sites import RunEngine
from federation.own import require_part
from federation.proposing import configuration

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
    *, federation: Federation, institution: Institution, site: str, public_key: str, actor: User,
    over_flare: bool = False,
) -> Participant:  # fmt: skip
    """Admit a site with the key that it signs with; `over_flare`: it has no way to the broker."""
    with governed(action="participant.add", actor=actor.id):
        participant, created = Participant.objects.get_or_create(
            federation=federation, institution=institution,
            defaults={"site": site, "public_key": public_key, "is_over_flare": over_flare},
        )  # fmt: skip
        if not created and (participant.public_key, participant.is_over_flare) != (public_key, over_flare):
            participant.public_key, participant.is_over_flare = public_key, over_flare
            participant.save(update_fields=["public_key", "is_over_flare"])
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
    strategy: str = "fedavg",
    model: dict | None = None,
    **parts: dict | None,
) -> TrainingRun:
    """Freeze a configuration and its terms on the data that the sites now hold, and ask them for consent.

    Without `local`, the recommended local training of the federation's task is taken, and with it, if it is
    differentially private, its recommended budget. `parts` are those of the configuration (`run_config.PARTS`), as
    people state them; `proposing` completes them: `privacy` names a regime and its epsilon, and then the noise is the
    least that keeps every site within it; without `security` messages are signed only; `start` names a version and what
    becomes of its encoder, and then the models are the version's or stand on its encoders. Otherwise `model` is a
    `models.specs.ModelChoice`, without which the task's recommended models are trained. What the run may spend is
    reserved from the institutions' budgets.
    """
    require_part(federation, actor, "run.start")
    manifests = {p.site: p.manifests.first() for p in federation.participants.filter(is_active=True)}
    missing = sorted(site for site, found in manifests.items() if found is None)
    if missing or len(manifests) < MIN_SITES:
        raise Conflict(
            _("A run needs at least %(n)s sites with a data manifest; still missing: %(sites)s. Start their workers.")
            % {"n": MIN_SITES, "sites": ", ".join(missing)}
            if missing
            else _("A run needs at least %(n)s sites with a data manifest; got %(got)s.")
            % {"n": MIN_SITES, "got": len(manifests)}
        )
    held = {site: manifest for site, manifest in manifests.items() if manifest is not None}
    source = starting.source_for(federation, parts.get("start"), actor=actor)
    try:
        config = configuration(
            federation, held, rounds=rounds, seed=seed, local=local, epsilon_budget=epsilon_budget, strategy=strategy,
            parts={name: part for name, part in parts.items() if part is not None}, model=model, source=source,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise ApplicationError(_("The configuration is not valid: %(error)s") % {"error": error}) from error
    refuse_without_agreement(federation)
    engines.refuse_unless_there(config.carried_by)
    engines.refuse_what_cannot_reach(config.carried_by, federation.participants.filter(is_active=True))
    with governed(action="run.propose", actor=actor.id):
        run = TrainingRun.objects.create(
            federation=federation, name=name, config=config.as_dict(), config_hash=config.hash, requested_by=actor
        )
        budgets.reserve(run, {held[p.site].participant: held[p.site] for p in training.participants_of(run)})
        site_statements.proposal_send(run)
        if config.carried_by != LOCAL:
            RunEngine.objects.create(run=run, engine=config.carried_by)
        return run


def record_shape(federation: Federation) -> list[int] | None:
    """Shape of a patient's row or image, as far as a manifest says it."""
    latest = DataManifest.objects.filter(participant__federation=federation).order_by("-created_at").first()
    return None if latest is None else latest.content["shape"]


def image_side(federation: Federation) -> int | None:
    """Pixels of a side of the sites' images, as far as a manifest says it; None if they hold rows of a table."""
    return min((record_shape(federation) or [])[1:], default=None)


def run_start(*, run: TrainingRun, actor: User) -> TrainingRun:
    require_part(run.federation, actor, "run.start")
    with governed(action="run.start", actor=actor.id):
        run = training.lock_run(run.id)
        if waiting := consents.waiting_for(run):
            raise Conflict(
                _("The run starts when every site has consented; still waiting for %(sites)s. %(signers)s")
                % {
                    "sites": ", ".join(waiting),
                    "signers": " ".join(f"{site}: {', '.join(map(_, who))}." for site, who in waiting.items()),
                }
            )
        if run.state == State.PAUSED:
            raise Conflict("The run is paused; resume it instead.")
        budgets.require(run)
        starting.refuse_unless_usable(run)
        engines.refuse_unless_there(carrier(run.config))
        health = quantum_health.required_by(run)
        training.set_state(run, State.RUNNING, health_check=health)
        if health is not None:
            training.show(run, "device", f"The required quantum volume is confirmed by the check {health.id}")
        jobs.enqueue("run.begin", {"run": str(run.id)}, key=f"begin:{run.id}")
    return run


def run_pause(*, run: TrainingRun, actor: User) -> TrainingRun:
    """Finish the round in hand, then wait."""
    require_part(run.federation, actor, "run.control")
    with governed(action="run.pause", actor=actor.id):
        run = training.lock_run(run.id)
        training.set_state(run, State.PAUSED)
        training.show(run, "paused", "Paused; the round in hand is finished first")
    return run


def run_resume(*, run: TrainingRun, actor: User) -> TrainingRun:
    require_part(run.federation, actor, "run.control")
    with governed(action="run.resume", actor=actor.id):
        run = training.lock_run(run.id)
        if run.state != State.PAUSED:
            raise Conflict(
                _("Only a paused run can be resumed; this one is %(state)s.")
                % {"state": inside(look_of(run.state).label)}
            )
        training.set_state(run, State.RUNNING)
        training.show(run, "resumed", "Resumed")
        last = run.rounds.last()
        if last is not None and last.state in {Round.State.DONE, Round.State.DISCARDED}:
            training.move_on(run, last)
        elif last is None:  # paused before the first round
            jobs.enqueue("run.begin", {"run": str(run.id)}, key=f"begin:{run.id}:{timezone.now().isoformat()}")
    return run


def run_abort(*, run: TrainingRun, reason: str, actor: User) -> TrainingRun:
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    require_part(run.federation, actor, "run.control")
    with governed(action="run.abort", actor=actor.id, reason=reason):
        run = training.lock_run(run.id)
        training.set_state(run, State.ABORTED, stop_reason=reason, stopped_by=actor.id)
        training.cancel_open_round(run)
        training.show(run, "aborted", "Aborted; the reason is on the run")
    return run
