"""What a bias audit returns: every number with its count, its bounds and a sentence that says what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from audits.domain.fairness.groups import SITE, SiteNotAssessable, SmallGroup
from audits.domain.verdict import Verdict

GAPS_KEPT = 10  # of each attribute and metric, in what is stored
METRIC_WORDS = {
    "tpr": "share of diseased patients found",
    "fpr": "share of healthy patients flagged",
    "accuracy": "share of patients judged rightly",
    "dice": "overlap with the expert's outline (Dice)",
    "selection_rate": "share of patients flagged",
}
SEGMENTATION_WORDS = METRIC_WORDS | {
    "tpr": "share of the lesion's voxels found",
    "fpr": "share of healthy voxels flagged",
}


def words(task: str, metric: str) -> str:
    """A metric in words a clinician would use."""
    return (SEGMENTATION_WORDS if task == "segmentation" else METRIC_WORDS).get(metric, metric)


@dataclass(frozen=True)
class GroupRate:
    """One metric of one group. `mean`, `lower`, `upper` in [0, 1]; None where no patient counts.

    The interval is for this group alone; it is not adjusted for the number of groups.
    """

    attribute: str
    group: str
    metric: str
    n: int
    mean: float | None
    lower: float | None
    upper: float | None
    compared: bool
    sentence: str

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Gap:
    """The distance between two groups on one metric, in [0, 1]; 0 means that both fare alike.

    `lower` and `upper` hold for all gaps of the table at once. `higher` is the group with the larger rate.
    """

    attribute: str
    metric: str
    higher: str
    lower_group: str
    n_higher: int
    n_lower: int
    rate_higher: float
    rate_lower: float
    value: float
    lower: float
    upper: float
    sentence: str

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class AttributeVerdict:
    """What can be said about one attribute (or site, or the intersection) alone, from the same simultaneous bounds.

    `untested_metrics` are gated metrics on which fewer than two groups could be compared.
    """

    attribute: str
    verdict: Verdict
    score: float | None
    lower: float | None
    upper: float | None
    untested_metrics: tuple[str, ...]

    @property
    def sentence(self) -> str:
        name = "sites" if self.attribute == SITE else f"the groups of {self.attribute}"
        if self.score is None:
            return f"Between {name} nothing could be compared. {self.verdict.explanation}"
        missing = f" Not tested: {', '.join(self.untested_metrics)}." if self.untested_metrics else ""
        return (
            f"Between {name} the largest gap is {self.score:.3f}, and lies between {self.lower:.3f} "
            f"and {self.upper:.3f}.{missing} {self.verdict.explanation}"
        )

    def as_dict(self) -> dict:
        return asdict(self) | {"verdict": self.verdict.value, "sentence": self.sentence}


@dataclass(frozen=True)
class BiasScore:
    """The largest gap between groups, with bounds.

    Attributes
    ----------
    score : float in [0, 1], or None
        0: all compared groups fare exactly alike; 1: a metric is 0 in one group and 1 in another. None if nothing could
        be compared, never 0.
    lower, upper : float in [0, 1], or None
        Bounds of the true score at `confidence`.
    quantile : float or None
        How many standard errors the simultaneous bounds reach to each side.
    gaps, selection_rate : tuple of Gap
        All pairs compared. Selection-rate gaps inform only: disease may rightly be more frequent in one group.
    """

    task: str
    verdict: Verdict
    score: float | None
    lower: float | None
    upper: float | None
    threshold: float
    confidence: float
    quantile: float | None
    draws: int
    seed: int
    metrics: tuple[str, ...]
    worst: Gap | None
    groups: tuple[GroupRate, ...]
    gaps: tuple[Gap, ...]
    attributes: tuple[AttributeVerdict, ...]
    selection_rate: tuple[Gap, ...]
    untestable: tuple[SmallGroup, ...]
    unknown: tuple[GroupRate, ...]
    sites_not_assessable: tuple[SiteNotAssessable, ...]
    sentences: tuple[str, ...]

    def as_dict(self) -> dict:
        """Plain lists, strings and numbers, ready for JSON."""
        nested: dict = {
            "worst": self.worst.as_dict() if self.worst else None,
            "verdict": self.verdict.value,
            "metrics": list(self.metrics),
            "sentences": list(self.sentences),
        }
        tables = ("groups", "attributes", "untestable", "unknown", "sites_not_assessable")
        rows = {name: [row.as_dict() for row in getattr(self, name)] for name in tables}
        for name in ("gaps", "selection_rate"):
            rows[name] = [row.as_dict() for row in _telling(getattr(self, name))]
            nested[f"n_{name}"] = len(getattr(self, name))
        plain = ("task", "score", "lower", "upper", "threshold", "confidence", "quantile", "draws", "seed")
        return {name: getattr(self, name) for name in plain} | nested | rows


def _telling(gaps: Sequence[Gap]) -> list[Gap]:
    """Of each attribute and metric the largest gaps, and those whose bounds reach farthest.

    Crossed attributes make thousands of pairs, of which nobody reads the small ones.
    """
    kept: set[int] = set()
    by_table: dict[tuple[str, str], list[int]] = {}
    for number, gap in enumerate(gaps):
        by_table.setdefault((gap.attribute, gap.metric), []).append(number)
    for numbers in by_table.values():
        for order in (lambda i: gaps[i].value, lambda i: gaps[i].lower, lambda i: gaps[i].upper):
            kept.update(sorted(numbers, key=order, reverse=True)[:GAPS_KEPT])
    return [gaps[number] for number in sorted(kept)]
