"""Who has answered in a round, who is left out and why, and whether enough are left. Decides nothing about the run."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import artefacts
from core.context import governed
from federation import scoring
from federation.domain.fairness_config import read_told
from federation.domain.learning import states
from federation.domain.messages import Message, message_digest
from federation.domain.participation import Participation
from federation.domain.run_config import MODEL_NAMES
from federation.domain.secure.largest import received
from federation.models import DataManifest, Participant, Round, RunEvent, SiteOrder, TrainingRun
from federation.models_participation import Exclusion

SLACK = 64 * 1024  # bytes that an update may have over the weights it was made from
PHASES = (Exclusion.Phase.TRAIN, Exclusion.Phase.EVALUATE)


class Unusable(Exception):
    """An answer that cannot count; the text says what was expected and what came."""


@dataclass(frozen=True)
class Count:
    """How one phase of a round stands."""

    needed: int
    answered: int
    waiting: int

    @property
    def hopeless(self) -> bool:
        return self.answered + self.waiting < self.needed


def count(run: TrainingRun, round_: Round, phase: str, participants: list[Participant]) -> Count:
    out = set(out_of(round_, phase)) & {participant.id for participant in participants}
    answered = answered_in(round_, phase) - out
    needed = Participation.from_dict(run.config.get("participation")).needed(len(participants))
    return Count(needed, len(answered), len(participants) - len(answered) - len(out))


def answered_in(round_: Round, phase: str) -> set[uuid.UUID]:
    """Participants whose answer of this phase has come."""
    if phase == Exclusion.Phase.TRAIN:
        return set(round_.updates.values_list("participant_id", flat=True))
    orders = SiteOrder.objects.filter(subject=round_.id, kind=phase, state=SiteOrder.State.ANSWERED)
    return set(orders.values_list("participant_id", flat=True))


def out_of(round_: Round, phase: str) -> list[uuid.UUID]:
    """Participants of whom nothing more is awaited in this phase."""
    found = Exclusion.objects.filter(round=round_, phase=phase, kind__in=Exclusion.OUT)
    return list(found.values_list("participant_id", flat=True))


def why_no_quorum(round_: Round, phase: str, found: Count) -> str:
    said = [
        f"{exclusion.participant}: {exclusion.reason}"
        for exclusion in round_.exclusions.filter(phase=phase, kind__in=Exclusion.OUT).select_related("participant")
    ]
    doing = "train" if phase == Exclusion.Phase.TRAIN else "score"
    return (
        f"Round {round_.number} has no quorum: it needs {found.needed} sites that {doing}, and at most "
        f"{found.answered + found.waiting} are left. {'; '.join(said)}"
    )


def leave_out(round_: Round, participant: Participant, phase: str, kind: str, reason: str, *, digest: str = "") -> bool:
    """Put on the record that a site does not count here; False if it is on it already."""
    with governed(action=f"round.{kind}", reason=reason):
        _, created = Exclusion.objects.get_or_create(
            round=round_, participant=participant, phase=phase, kind=kind,
            defaults={"reason": reason, "message_digest": digest},
        )  # fmt: skip
    if created:
        label = Exclusion.Kind(kind).label.lower()
        RunEvent.objects.create(
            run_id=round_.run_id, kind="left_out", site=participant.site,
            text=f"Round {round_.number}, {participant}: {label}; {reason}",
        )  # fmt: skip
    return created


def refusal(order: SiteOrder, round_: Round) -> str:
    """Why the answer to an order cannot count; "" if it can. Reads the weights, without torch."""
    try:
        if order.kind == Exclusion.Phase.TRAIN:
            _check_update(order, round_)
        else:
            scoring.check(order, round_)
    except (Unusable, states.WeightsError, artefacts.ArtefactError) as error:
        return str(error)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"expected the answer to the order {order.kind}, got a malformed one: {type(error).__name__}: {error}"
    return ""


def _check_update(order: SiteOrder, round_: Round) -> None:
    answer: Mapping[str, Any] = order.answer or {}
    records = answer["n_records"]
    manifest = DataManifest.objects.filter(
        participant=order.participant, digest=round_.run.config["data_digests"].get(order.participant.site, "")
    ).first()
    most = manifest.content["n_patients"] if manifest else 2**31 - 1
    if type(records) is not int or not 0 <= records <= most:
        raise Unusable(f"expected 0 to {most} records, as many as the site's manifest has, got {records!r}")
    if order.body.get("masking"):  # a masked vector shows nothing but its size, which the sum is checked for
        if set(order.answer_attachments) != {"masked"}:
            raise Unusable(f"expected a masked vector, got {sorted(order.answer_attachments)}")
        for name in MODEL_NAMES:
            _check_report(answer["models"][name])
        return
    if set(order.answer_attachments) != set(MODEL_NAMES):
        raise Unusable(f"expected weights of {sorted(MODEL_NAMES)}, got {sorted(order.answer_attachments)}")
    security = round_.run.config.get("security")
    for name in MODEL_NAMES:
        start = states.from_bytes(artefacts.get(round_.start_weights[name]))
        try:
            received(artefacts.get(order.answer_attachments[name]), start=start, security=security)
        except states.WeightsError as error:
            raise Unusable(f"{name}: {error}") from error
        _check_report(answer["models"][name])
    if "fairness" in answer:
        read_told(answer["fairness"])


def _check_report(report: Mapping[str, Any]) -> None:
    loss, steps, rate = report["loss"], report["steps"], report["sample_rate"]
    if loss is not None and not (_is_number(loss) and math.isfinite(loss)):
        raise Unusable(f"expected a finite loss or none, got {loss!r}")
    if type(steps) is not int or not 0 <= steps < 2**31 or not _is_number(rate) or not 0 < rate <= 1:
        raise Unusable(f"expected steps of 0 or more and a sample rate in (0, 1], got {steps!r} and {rate!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def too_large(order: SiteOrder, message: Message) -> str:
    """Why the files of an update are not even stored; "" if they are of a size that its weights could have."""
    if order.kind != Exclusion.Phase.TRAIN:
        return ""
    most = sum(len(artefacts.get(digest)) for digest in order.attachments.values()) + SLACK
    came = sum(len(data) for data in message.attachments.values())
    return f"expected an update of at most {most:,} bytes, got {came:,}; it was not stored" if came > most else ""


def late_answer(order: SiteOrder, message: Message) -> None:
    """An answer after the deadline: it is not counted, and the record says that it came."""
    late = Exclusion.objects.filter(
        round=order.subject, participant=order.participant, phase=order.kind, kind=Exclusion.Kind.LATE
    ).first()
    if late is not None:
        leave_out(
            late.round, order.participant, order.kind, Exclusion.Kind.LATE_ANSWER,
            "its answer came after the deadline and was not counted", digest=message_digest(message),
        )  # fmt: skip


def message_refused(participant: Participant, reason: str) -> None:
    """A message in the site's name that was not taken. The site is still awaited: anyone may have sent it."""
    pending = SiteOrder.objects.filter(participant=participant, kind__in=PHASES, state=SiteOrder.State.PENDING)
    for order in pending:
        round_ = Round.objects.filter(id=order.subject).first()
        if round_ is not None:
            leave_out(round_, participant, order.kind, Exclusion.Kind.MESSAGE, reason)
