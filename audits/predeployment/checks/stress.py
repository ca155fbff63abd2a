"""What the checks of robustness have in common: a site's answer, and how a drop is said and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.predeployment.checks.base import AnswerError, Figure, Gathered, Table

if TYPE_CHECKING:
    from audits.domain.robustness.drops import Drop
    from audits.domain.robustness.paired import Key
    from federation.domain.paired import PairedSums

MODELS = {"primary": "quantum model", "baseline": "classical twin"}
DROP_COLUMNS = ("Case", "Patients", "n", "Before", "After", "Drop", "From", "To", "Judged")


@dataclass(frozen=True)
class StressAnswer:
    """One site's sums.

    Attributes
    ----------
    patients : int
        Measured here, at least one.
    counts : mapping of str to int
        Patients by what a check wants counted ("flagged by primary").
    sums : mapping of (case, attribute, group) to PairedSums
    """

    patients: int
    counts: Mapping[str, int]
    sums: Mapping[Key, PairedSums]


def read_stress(raw: Mapping[str, Any], *, cases: Iterable[str], counts: Iterable[str]) -> StressAnswer:
    """A site's answer, taken apart with suspicion: exactly these cases and counts, and sums that patients can have."""
    from audits.domain.robustness.paired import from_rows

    patients, counted = raw.get("patients"), raw.get("counts")
    if type(patients) is not int or patients < 1:
        raise AnswerError(f"expected the number of patients, got {patients!r}")
    if not isinstance(counted, Mapping) or set(counted) != set(counts):
        raise AnswerError(f"expected counts of {', '.join(sorted(counts))}; got {counted!r}")
    for name, count in counted.items():
        if type(count) is not int or not 0 <= count <= patients:
            raise AnswerError(f"{name}: expected a count from 0 to {patients}, got {count!r}")
    try:
        sums = from_rows(raw["rows"], patients=patients, cases=cases)
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerError(str(error)) from error
    return StressAnswer(patients, dict(counted), sums)


def sums_of(gathered: Gathered) -> dict[Key, PairedSums]:
    """The sums over all sites; where there are several, each site is a group too."""
    from audits.domain.robustness.paired import EVERYONE, merged

    whole = merged(answer.sums for answer in gathered.each)
    if len(gathered.answers) < 2:
        return whole
    for site, answers in gathered.answers.items():
        own = merged(answer.sums for answer in answers)
        whole |= {(key[0], "site", site): sums for key, sums in own.items() if key[1:] == EVERYONE}
    return whole


def drop_rules(gathered: Gathered) -> dict[str, Any]:
    """How `worst_drop` is to judge, from the settings of a check and the task."""
    chosen = gathered.settings
    return {
        "tolerated": chosen["tolerated_drop"], "confidence": chosen["confidence"], "min_count": chosen["min_count"],
        "binary": gathered.task == "classification",
    }  # fmt: skip


def counted(gathered: Gathered, name: str) -> int:
    """A count over all sites."""
    return sum(answer.counts[name] for answer in gathered.each)


def patients_of(gathered: Gathered) -> int:
    return sum(answer.patients for answer in gathered.each)


def says_the_same_to_all(gathered: Gathered) -> str:
    """Why a model that calls everyone ill, or nobody, proves nothing by not changing its mind; "" if it does not."""
    called, n = counted(gathered, "flagged by primary"), patients_of(gathered)
    if 0 < called < n:
        return ""
    whom = "nobody" if called == 0 else "everybody"
    return f"The quantum model calls {whom} ill, so that it keeps its answer says nothing about robustness."


def score_words(task: str) -> str:
    return "share of patients judged rightly" if task == "classification" else "mean Dice"


def drop_sentence(drop: Drop, what: str, task: str, confidence: float) -> str:
    return (
        f"{what}, the {score_words(task)} falls from {drop.before:.3f} to {drop.after:.3f} for {drop.who} "
        f"(n = {drop.n}): a drop of {drop.value:.3f}, {confidence:.0%} interval {drop.lower:.3f} to {drop.upper:.3f}."
    )


def drop_row(drop: Drop, case: str) -> tuple[Any, ...]:
    figures = (drop.before, drop.after, drop.value, drop.lower, drop.upper)
    return (case, drop.who, drop.n, *(round(value, 4) for value in figures), drop.judged)


def drop_chart(title: str, drops: Sequence[tuple[str, Drop]], tolerated: float, level: float) -> Figure:
    """Drops with their intervals against what is tolerated."""
    rows = [(label, drop.value, drop.lower, drop.upper, _tone(drop, tolerated)) for label, drop in drops]
    options = {"threshold": tolerated, "threshold_label": "tolerated", "x_label": "Drop", "level": f"{level:.0%}"}
    return Figure("intervals", title, rows, options)


def _tone(drop: Drop, tolerated: float) -> str:
    return "fail" if drop.lower > tolerated else "pass" if drop.upper <= tolerated else "inconclusive"


def twin_sentence(sums: PairedSums, when: str, task: str, confidence: float) -> str:
    """The quantum model beside its classical twin on the same patients, and plainly whether it is the better one."""
    lower, upper = sums.interval(confidence, binary=task == "classification")
    difference = sums.difference
    if lower > 0:
        verdict = "the quantum model is the better one"
    elif upper < 0:
        verdict = "the quantum model is the worse one"
    else:
        verdict = "the quantum model is not shown to be better"
    return (
        f"{when}, the {score_words(task)} is {sums.first / sums.n:.3f} for the quantum model and "
        f"{sums.second / sums.n:.3f} for its classical twin on the same {sums.n} patients: a difference of "
        f"{difference:+.3f} ({confidence:.0%} interval {lower:+.3f} to {upper:+.3f}), so {verdict}."
    )


def drop_table(title: str, drops: Iterable[tuple[str, Drop]], note: str = "") -> Table:
    return Table(title, DROP_COLUMNS, tuple(drop_row(drop, case) for case, drop in drops), note)
