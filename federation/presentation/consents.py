"""Consent of the institutions, as the pages of a run and the API show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Membership, User
from federation import consents, training
from federation.models import Consent, Participant, Reconsideration, TrainingRun

Capacity, Decision, State = Consent.Capacity, Consent.Decision, TrainingRun.State
ANSWER_WORDS = {
    None: ("requested", "Not answered"),
    Decision.GIVEN: ("consented", "Consents"),
    Decision.REFUSED: ("refused", "Refuses"),
    Decision.WITHDRAWN: ("withdrawn", "Withdrawn"),
}
LEFT_WORDS = (
    "What the model learned from this institution before stays in its weights unless it is retrained, and the privacy "
    "that was spent stays spent."
)


@dataclass(frozen=True)
class Signature:
    """One of those who answer for an institution, and the latest answer; None: not yet."""

    capacity: str
    label: str
    state: str  # of the badge
    words: str
    consent: Consent | None


@dataclass(frozen=True)
class Answer:
    """What one institution has answered, by all its signers together."""

    participant: Participant
    decision: str | None
    state: str  # of the badge
    words: str
    signatures: tuple[Signature, ...]
    consent: Consent | None  # the latest answer of anybody
    short_of: str  # why nobody can sign for it, in words; usually empty

    @property
    def given(self) -> bool:
        return self.decision == Decision.GIVEN


@dataclass(frozen=True)
class Own:
    """What the reader may do for the own institution."""

    participant: Participant
    capacities: tuple[tuple[str, str], ...]  # value and label of those in which the reader may sign now
    may_withdraw: bool
    after_training: bool
    note: str  # why nothing is offered


def answers_of(run: TrainingRun) -> list[Answer]:
    """Each institution of the run with its answers, in three queries."""
    participants, signed = training.participants_of(run), consents.signed_by(run)
    short = short_of_people(participants) if run.state in {State.PROPOSED, State.APPROVED} else {}
    return [_answer(run, p, signed[p.site], short.get(p.site, "")) for p in participants]


def own_of_each(runs: Iterable[TrainingRun], user: User) -> dict[Any, Own]:
    """`own_of` for many runs of the person's institutions, in two queries however many there are."""
    runs = list(runs)
    mine = Participant.objects.filter(
        federation__in={run.federation_id for run in runs}, institution__in=user.institution_ids
    )
    participants = list(mine.select_related("institution"))
    signed: dict[Any, dict[str, Consent]] = {}
    for consent in Consent.objects.filter(run__in=runs, participant__in=participants).select_related("decided_by"):
        signed.setdefault((consent.run_id, consent.participant_id), {})[consent.capacity] = consent
    found: dict[Any, Own] = {}
    for run in runs:
        sites = set(run.config["data_digests"])
        asked = [p for p in participants if p.federation_id == run.federation_id and p.site in sites]
        own = own_of(run, [_answer(run, p, signed.get((run.id, p.id), {}), "") for p in asked], user)
        if own is not None:
            found[run.id] = own
    return found


def _answer(run: TrainingRun, participant: Participant, signed: dict[str, Consent], short_of: str) -> Answer:
    decision = consents.standing(run, signed)
    state, words = ANSWER_WORDS[Decision(decision) if decision else None]
    asked = dict.fromkeys((*consents.required_of(run), *signed))
    if decision is None and signed:
        words = _("%(n)s of %(all)s signed") % {
            "n": sum(c.decision == Decision.GIVEN for c in signed.values()), "all": len(asked),
        }  # fmt: skip
    latest = max(signed.values(), key=lambda consent: consent.created_at, default=None)
    signatures = tuple(_signature(capacity, signed.get(capacity)) for capacity in asked)
    return Answer(participant, decision, state, words, signatures, latest, short_of if decision is None else "")


def _signature(capacity: str, consent: Consent | None) -> Signature:
    state, words = ANSWER_WORDS[Decision(consent.decision) if consent else None]
    return Signature(capacity, Capacity(capacity).label, state, words, consent)


def own_of(run: TrainingRun, answers: Iterable[Answer], user: User) -> Own | None:
    """What this person may do for an institution that they answer for; None if none has a part in the run.

    Of several, the first one where something is theirs to sign, else the first that can still withdraw.
    """
    if not user.may("consent.sign") or run.state in {State.ABORTED, State.FAILED}:
        return None
    held = [(a, found) for a in answers if (found := consents.capacities(a.participant, user))]
    offers = [_own(run, own, capacities, user) for own, capacities in held]
    return max(offers, key=lambda own: (bool(own.capacities), own.may_withdraw), default=None)


def _own(run: TrainingRun, own: Answer, held: list[str], user: User) -> Own:
    rows = {s.capacity: s.consent for s in own.signatures}
    as_before = [c for c in held if (row := rows.get(c)) is not None and row.decided_by_id == user.id]
    signable: list[str] = []
    if run.state in {State.PROPOSED, State.APPROVED}:
        asked = [c for c in held if c in consents.required_of(run)]
        open_ = [c for c in asked if (row := rows.get(c)) is None or row.decision != Decision.GIVEN]
        signable = [c for c in open_ if not as_before or c in as_before]
    gave = any(row is not None and row.decision == Decision.GIVEN for row in rows.values())
    left = own.decision in {Decision.REFUSED, Decision.WITHDRAWN}
    note = ""
    if not signable and run.state == State.PROPOSED and own.decision is None:
        note = _("You have signed. Still awaited: %(who)s.") % {"who": _still(own)}
    return Own(
        own.participant, tuple((c, Capacity(c).label) for c in signable), gave and not left,
        run.state == State.FINISHED, note,
    )  # fmt: skip


def _still(own: Answer) -> str:
    missing = [s for s in own.signatures if s.consent is None or s.consent.decision != Decision.GIVEN]
    return ", ".join(_(consents.WAITING_WORDS[Capacity(s.capacity)]) for s in missing)


def short_of_people(participants: Iterable[Participant]) -> dict[str, str]:
    """Sites whose institution has not the two people who must sign, with what to do. There is no way around it."""
    participants = list(participants)
    holders: dict[Any, dict[str, set]] = {
        p.institution_id: {role: set() for role in consents.ROLES.values()} for p in participants
    }
    for institution, role, person in Membership.objects.filter(
        institution__in=holders, role__in=consents.ROLES.values(), is_active=True, user__is_active=True
    ).values_list("institution_id", "role", "user_id"):
        holders[institution][role].add(person)
    found = {}
    for participant in participants:
        operators, officers = holders[participant.institution_id].values()
        if operators and officers and len(operators | officers) > 1:
            continue
        lacking = (
            _("no site operator")
            if not operators
            else _("no ethics officer")
            if not officers
            else _("one person for both")
        )
        found[participant.site] = _(
            "%(institution)s has %(lacking)s on this platform. Nobody signs twice, and nobody signs for another "
            "institution: an administrator enters a second person there, or a run is proposed without it."
        ) % {"institution": participant.institution.name, "lacking": lacking}
    return found


def matters_of(run: TrainingRun, user: User) -> list[dict[str, Any]]:
    """Decisions to retrain or retire, each with whether this person may take it."""
    found = Reconsideration.objects.filter(run=run).select_related("participant__institution", "decided_by")
    may = user.may("retrain.decide") and run.state not in {State.ABORTED, State.FAILED}
    return [{"matter": m, "may_decide": may and m.is_open and m.opened_by_id != user.id} for m in found]
