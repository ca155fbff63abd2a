"""Who took part in each round of a run, who was left out, and why."""

from __future__ import annotations

from dataclasses import dataclass

from federation.models import Round, TrainingRun
from federation.models_participation import Exclusion

ROUNDS_SHOWN = 20
STATES = {Exclusion.Kind.MESSAGE: "stale", Exclusion.Kind.NOT_CHOSEN: "stale"}  # badges of what cost no place


@dataclass(frozen=True)
class Absence:
    """One answer that did not count."""

    site: str
    phase: str
    state: str  # of the badge
    label: str
    reason: str


@dataclass(frozen=True)
class RoundAttendance:
    """One round."""

    number: int
    took_part: tuple[str, ...]
    asked: int
    discarded: bool  # too few were left for the noise of all sites; nothing was opened
    absences: tuple[Absence, ...]


def attendance(run: TrainingRun) -> list[RoundAttendance]:
    """The newest rounds first, at most `ROUNDS_SHOWN`, in six queries."""
    rounds = run.rounds.only("number", "run_id", "state").order_by("-number")
    found = rounds.prefetch_related("updates__participant", "exclusions__participant__institution")[:ROUNDS_SHOWN]
    asked = len(run.config["data_digests"])
    return [
        RoundAttendance(
            round_.number,
            tuple(sorted(update.participant.site for update in round_.updates.all())),
            asked,
            round_.state == Round.State.DISCARDED,
            tuple(_absence(exclusion) for exclusion in round_.exclusions.all()),
        )
        for round_ in found
    ]


def _absence(exclusion: Exclusion) -> Absence:
    kind = Exclusion.Kind(exclusion.kind)
    return Absence(
        str(exclusion.participant), Exclusion.Phase(exclusion.phase).label, STATES.get(kind, "failed"), kind.label,
        exclusion.reason,
    )  # fmt: skip
