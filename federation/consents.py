"""Consent of the institutions to a run: who must sign, who has, who left, and what follows when permission is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from core import events
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from core.spoken import inside
from core.tones import look_of
from federation import answers, budgets, training
from federation.domain.noise_config import shared_noise
from federation.domain.terms import Terms
from federation.models import Consent, Participant, Reconsideration, TrainingRun

State, Capacity, Decision = TrainingRun.State, Consent.Capacity, Consent.Decision
Signed = Mapping[str, Consent]  # capacity -> the latest answer in it
MIN_SITES = 2
DECIDE_WITHIN = timedelta(days=30)
ROLES = {Capacity.OPERATOR: Role.SITE_OPERATOR, Capacity.OFFICER: Role.ETHICS_OFFICER}
WAITING_WORDS = {
    Capacity.OPERATOR: gettext_noop("its site operator"),
    Capacity.OFFICER: gettext_noop("its ethics officer"),
    Capacity.SITE: gettext_noop("the approval at its own site"),
}


# --- where a run stands --------------------------------------------------------------------------------------------


def required_of(run: TrainingRun) -> tuple[str, ...]:
    """Who must sign at each institution. Of runs from before there were terms, one operator was asked."""
    return tuple(Capacity.values) if run.config.get("terms") else (Capacity.OPERATOR.value,)


def terms_of(run: TrainingRun) -> Terms | None:
    return Terms.from_dict(run.config["terms"]) if run.config.get("terms") else None


def signed_by(run: TrainingRun) -> dict[str, dict[str, Consent]]:
    """Site to the latest answer in each capacity."""
    found: dict[str, dict[str, Consent]] = {p.site: {} for p in training.participants_of(run)}
    for consent in run.consents.select_related("participant", "decided_by"):
        found.setdefault(consent.participant.site, {})[consent.capacity] = consent
    return found


def standing(run: TrainingRun, signed: Signed) -> str | None:
    """What one institution has answered by all its signers together; None: somebody has still to answer."""
    answers = {consent.decision for consent in signed.values()}
    for no in (Decision.REFUSED, Decision.WITHDRAWN):
        if no in answers:
            return no
    whole = all(capacity in signed and signed[capacity].config_hash == run.config_hash for capacity in required_of(run))
    return Decision.GIVEN if whole else None


def consents_of(run: TrainingRun) -> dict[str, str | None]:
    """Site to its institution's answer; None where somebody has not answered."""
    return {site: standing(run, signed) for site, signed in signed_by(run).items()}


def waiting_for(run: TrainingRun) -> dict[str, list[str]]:
    """Site to those whose consent is missing, in words; without the sites where nobody's is."""
    found = {}
    for site, signed in sorted(signed_by(run).items()):
        missing = [
            WAITING_WORDS[Capacity(capacity)]
            for capacity in required_of(run)
            if capacity not in signed or signed[capacity].decision != Decision.GIVEN
        ]
        if missing:
            found[site] = missing
    return found


def left(run: TrainingRun) -> set[str]:
    """Sites whose institution lent its data, and does so no more."""
    if run.started_at is None:
        return set()
    return {site for site, answer in consents_of(run).items() if answer in {Decision.REFUSED, Decision.WITHDRAWN}}


def left_at(run: TrainingRun) -> dict[str, datetime]:
    """When each site left that did."""
    no, signed = {Decision.REFUSED, Decision.WITHDRAWN}, signed_by(run)
    return {site: min(c.created_at for c in signed[site].values() if c.decision in no) for site in left(run)}


def staying(run: TrainingRun, participants: Iterable[Participant]) -> list[Participant]:
    """Those of the participants who are asked for anything in this run."""
    gone = left(run)
    return [participant for participant in participants if participant.site not in gone]


def quorum(run: TrainingRun) -> int:
    """With how many sites a run may go on: two, or what its participation part or its common noise wants if more."""
    chosen = (run.config.get("participation") or {}).get("quorum")
    noise = shared_noise(run.config.get("privacy"))
    return max(MIN_SITES, int(chosen or 0), (noise.quorum or 0) if noise else 0)


# --- what people do ------------------------------------------------------------------------------------------------


def consent_decide(
    *, run: TrainingRun, participant: Participant, decision: str, reason: str, actor: User, capacity: str = ""
) -> Consent:
    """A signer answers for the own institution, to exactly this configuration. The last consent approves the run.

    `capacity` matters only to a person who is both operator and officer there.
    """
    if decision not in Decision.values:
        raise ApplicationError(
            _("Expected a decision among %(values)s, got %(decision)s.")
            % {"values": ", ".join(Decision.values), "decision": f"{decision!r}"}
        )
    if not capacity and decision == Decision.WITHDRAWN:  # as what the person signed before
        mine = run.consents.filter(participant=participant, decided_by=actor).last()
        capacity = mine.capacity if mine else ""
    signs_as = _capacity(participant, actor, capacity)
    with governed(action=f"consent.{decision}", actor=actor.id, reason=reason):
        run = training.lock_run(run.id)
        _check(run, participant, decision, actor, signs_as)
        consent = Consent.objects.create(
            run=run, participant=participant, config_hash=run.config_hash, decision=decision, reason=reason,
            capacity=signs_as, decided_by=actor,
        )  # fmt: skip
        follow(run, participant, decision, reason=reason, actor=actor)
        return consent


def capacities(participant: Participant, person: User) -> list[str]:
    """In which capacities a person may sign for an institution."""
    held = person.roles_at(participant.institution_id)
    return [capacity.value for capacity, role in ROLES.items() if role in held]


def _capacity(participant: Participant, actor: User, wanted: str) -> str:
    held = capacities(participant, actor)
    if not held:
        raise Forbidden(
            _("Only %(institution)s answers for its own data: its site operator and its ethics officer do.")
            % {"institution": participant.institution}
        )
    if wanted and wanted not in held:
        raise Forbidden(
            _("You do not hold that role at %(institution)s, so you cannot sign as %(wanted)s.")
            % {"institution": participant.institution, "wanted": wanted}
        )
    if not wanted and len(held) > 1:
        raise ApplicationError(
            _("You are both operator and officer; say in which capacity you sign: %(held)s.")
            % {"held": " or ".join(held)}
        )
    return wanted or held[0]


def _check(run: TrainingRun, participant: Participant, decision: str, actor: User, capacity: str) -> None:
    own = run.consents.filter(participant=participant)
    if own.filter(decided_by=actor).exclude(capacity=capacity).exists():
        raise Conflict("One person cannot sign as operator and as officer. Somebody else of your institution must.")
    before = own.filter(capacity=capacity).last()
    if before is not None and before.decision == decision:
        raise Conflict(
            _("%(institution)s has already answered: %(decision)s.")
            % {"institution": participant.institution, "decision": before.decision}
        )
    if decision == Decision.WITHDRAWN:
        if run.state in {State.ABORTED, State.FAILED}:
            raise Conflict(
                _("The run is %(state)s: it made nothing, and asks for nothing more.")
                % {"state": inside(look_of(run.state).label)}
            )
        if standing(run, signed_by(run)[participant.site]) in {Decision.REFUSED, Decision.WITHDRAWN}:
            raise Conflict(_("%(institution)s has left the run already.") % {"institution": participant.institution})
        if not own.filter(decision=Decision.GIVEN).exists():
            raise Conflict("There is no consent to withdraw.")
    elif run.state not in {State.PROPOSED, State.APPROVED}:
        raise Conflict(
            _("The run is %(state)s; consent is asked only before it starts, and withdrawn after that.")
            % {"state": inside(look_of(run.state).label)}
        )
    elif decision == Decision.GIVEN and (terms := terms_of(run)) and terms.expires_on < timezone.now().date():
        raise Conflict(
            _("The terms ended on %(expires_on)s; a new run must be proposed.") % {"expires_on": terms.expires_on}
        )


# --- what follows --------------------------------------------------------------------------------------------------


def follow(run: TrainingRun, participant: Participant, decision: str, *, reason: str, actor: User | None) -> None:
    """What an answer does to the run, whose lock the caller holds.

    The reason is the writer's, and sealed; the display of progress, which is not, says only what happened.
    """
    if decision == Decision.GIVEN:
        if run.state == State.PROPOSED and all(answer == Decision.GIVEN for answer in consents_of(run).values()):
            training.set_state(run, State.APPROVED)
        return
    what = f"{participant.institution} has {decision} consent"
    if run.state in {State.PROPOSED, State.APPROVED}:
        if decision == Decision.REFUSED:
            _abort(run, what, reason, actor)
        elif run.state == State.APPROVED:
            training.set_state(run, State.PROPOSED)
        return
    if run.is_open:
        if len(staying(run, training.participants_of(run))) < quorum(run):
            _abort(run, what, reason, actor)
            return
        training.show(run, "withdrawn", f"{what}; the run goes on without it", site=participant.site)
        budgets.release(run, participant)
        answers.go_on_without(run, participant)
    reconsider(run, participant, Reconsideration.Cause.WITHDRAWAL, actor)


def _abort(run: TrainingRun, what: str, reason: str, actor: User | None) -> None:
    told = f"{what}: {reason or 'no reason given'}"
    training.set_state(run, State.ABORTED, stop_reason=told, stopped_by=actor.id if actor else None)
    training.cancel_open_round(run)
    training.show(run, "aborted", what)


def reconsider(run: TrainingRun, participant: Participant, cause: str, actor: User | None) -> Reconsideration | None:
    """Ask for a decision on what was learned from data that are lent no more; None if nothing was, or it is asked."""
    if not participant.updates.filter(round__run=run).exists():
        return None
    matter, new = Reconsideration.objects.get_or_create(
        run=run, participant=participant, cause=cause, decided_at=None,
        defaults={"opened_by": actor, "due_at": timezone.now() + DECIDE_WITHIN},
    )  # fmt: skip
    if new:
        events.emit("reconsideration.opened", {"reconsideration": str(matter.id), "run": str(run.id)})
    return matter if new else None


def reconsideration_decide(*, matter: Reconsideration, choice: str, reason: str, actor: User) -> Reconsideration:
    """Retrain without these data, or retire what was made with them. Who withdrew does not decide."""
    if choice not in Reconsideration.Choice.values:
        raise ApplicationError(
            _("Expected a choice among %(values)s, got %(choice)s.")
            % {"values": ", ".join(Reconsideration.Choice.values), "choice": f"{choice!r}"}
        )
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    with governed(action=f"reconsideration.{choice}", actor=actor.id, reason=reason):
        matter = Reconsideration.objects.select_for_update().get(id=matter.id)
        if not matter.is_open:
            assert matter.decided_at is not None  # with the choice
            raise Conflict(
                _("This was decided on %(decided_at)s: %(choice)s.")
                % {"decided_at": date_format(matter.decided_at, "j M Y"), "choice": inside(matter.get_choice_display())}
            )
        if matter.opened_by_id == actor.id:
            raise Forbidden("You withdrew the consent, so somebody else decides what follows.")
        matter.choice, matter.reason, matter.decided_by, matter.decided_at = choice, reason, actor, timezone.now()
        matter.save(update_fields=["choice", "reason", "decided_by", "decided_at"])
        payload = {"reconsideration": str(matter.id), "run": str(matter.run_id), "choice": choice}
        events.emit("reconsideration.decided", payload)
    return matter
