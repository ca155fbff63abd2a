"""A planted gap of a chosen size: so much worse does a model do for one group, from a chosen case on.

The model is the real one and its answers are its own. What changes is what it is shown: a case that it would have got
right is given inputs that it gets wrong, with a probability that lowers the group's rate by the size asked for. A case
of a table gets the features of another patient, about whom the model says the other thing; an image is faded until
nothing can be seen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.domain.traffic import Cases, batches, faded, number_of
from federation.domain.data.dataset import SiteData, Source

KINDS = ("gap", "drift", "none")
CLASSIFICATION, SEGMENTATION = ("tpr", "fpr", "accuracy"), ("dice", "tpr")
APART = 1_000_000  # cases of two seeds
_PLANT = 7  # what the random stream is for

# For each case of a site's data: the metrics that are defined for it, and what the model answers (tables only).
Judge = Callable[[SiteData], tuple[Mapping[str, NDArray[np.float64]], NDArray[np.bool_]]]


class PlanError(ValueError):
    """A plan that cannot be carried out on these data with this model; the message says what could be."""


@dataclass(frozen=True)
class Plan:
    """What is planted.

    Attributes
    ----------
    kind : "gap", "drift" or "none"
        A gap is there in full from the onset; a drift grows evenly from nothing at the onset to its size at the last
        case; none replays the data as they are.
    metric : str
        Which rate suffers: it falls, except for ``fpr``, which rises.
    attribute, group : str
        Whose rate, e.g. ``sex``, ``female``.
    size : float in (0, 1)
        By how much.
    onset, count : int
        The first case that may be spoilt, counted from 0, and how many cases there are.
    seed : int
        Chooses the cases and which of them are spoilt: the same seed sends the same.
    """

    kind: Literal["gap", "drift", "none"]
    metric: str = ""
    attribute: str = ""
    group: str = ""
    size: float = 0.0
    onset: int = 0
    count: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        checks = (
            (self.kind in KINDS, f"expected a kind among {', '.join(KINDS)}, got {self.kind!r}"),
            (self.count >= 1, f"expected a count of 1 or more, got {self.count}"),
            (self.seed >= 0, f"expected a seed of 0 or more, got {self.seed}"),
            (self.kind == "none" or 0 < self.size < 1, f"expected a size between 0 and 1, got {self.size:g}"),
            (
                self.kind == "none" or 0 <= self.onset < self.count,
                f"expected an onset from 0 to {self.count - 1}, as there are {self.count} cases, got {self.onset}",
            ),
        )
        for good, message in checks:
            if not good:
                raise PlanError(message)

    def size_at(self, case: NDArray[np.int64]) -> NDArray[np.float64]:
        """The size planted at each case, counted from 0."""
        if self.kind == "none":
            return np.zeros(len(case))
        share = np.ones(len(case))
        if self.kind == "drift":
            share = (case - self.onset) / max(1, self.count - 1 - self.onset)
        return np.where(case >= self.onset, self.size * np.clip(share, 0, 1), 0.0)


@dataclass(frozen=True)
class Planter:
    """A plan made ready for a model and a site's data.

    Attributes
    ----------
    base : float
        The group's rate as the model does now.
    donors : mapping of bool to ndarray
        Features about which the model says ill (True) and healthy (False); empty for images.
    """

    plan: Plan
    base: float
    donors: Mapping[bool, NDArray[np.float32]]
    judge: Judge

    @property
    def most(self) -> float:
        """The largest size that can be planted."""
        return 1 - self.base if self.plan.metric == "fpr" else self.base

    def plant(self, data: SiteData, first: int, rng: np.random.Generator) -> tuple[SiteData, int]:
        """The data as the model is shown them, and how many patients were spoilt. `first` counts from 0."""
        sizes = self.plan.size_at(np.arange(first, first + data.n_patients))
        draw = rng.random(data.n_patients)  # always drawn: what follows does not depend on the plan
        if not sizes.any():
            return data, 0
        metrics, flagged = self.judge(data)
        values = metrics[self.plan.metric]
        eligible = (data.groups[self.plan.attribute] == self.plan.group) & ~np.isnan(values)
        if data.task == "classification":
            eligible &= values == (0.0 if self.plan.metric == "fpr" else 1.0)
        chosen = np.flatnonzero(eligible & (draw < sizes / self.most))
        x = data.x.copy()
        if data.task == "classification":
            row_of = np.argsort(data.patient_index)
            for patient in chosen:
                pool = self.donors[not flagged[patient]]
                x[row_of[patient]] = pool[rng.integers(len(pool))]
        else:
            rows = np.isin(data.patient_index, chosen)
            x[rows] = faded(x[rows], 1.0, rng)
        return replace(data, x=x), len(chosen)


def prepare(plan: Plan, data: SiteData, judge: Judge) -> Planter | None:
    """Look how the model does on a site's data now; None if nothing is to be planted.

    Raises
    ------
    PlanError
        If the data have no such metric, attribute or group, or the model is not good enough to lose so much.
    """
    if plan.kind == "none":
        return None
    allowed = CLASSIFICATION if data.task == "classification" else SEGMENTATION
    if plan.metric not in allowed:
        raise PlanError(f"expected a metric among {', '.join(allowed)} for {data.task}, got {plan.metric!r}")
    if plan.attribute not in data.groups:
        raise PlanError(f"expected an attribute among {', '.join(sorted(data.groups))}, got {plan.attribute!r}")
    groups = data.groups[plan.attribute]
    if plan.group not in groups:
        known = ", ".join(sorted(set(groups.tolist())))
        raise PlanError(f"expected a group of {plan.attribute} among {known}, got {plan.group!r}")
    metrics, flagged = judge(data)
    values = metrics[plan.metric][groups == plan.group]
    values = values[~np.isnan(values)]
    if not len(values):
        raise PlanError(f"no case of {plan.attribute} = {plan.group} has a {plan.metric} at {data.site}")
    donors = {}
    if data.task == "classification":
        row_of = np.argsort(data.patient_index)
        donors = {says: data.x[row_of[flagged == says]] for says in (True, False)}
    planter = Planter(plan, float(values.mean()), donors, judge)
    if plan.size > planter.most:
        raise PlanError(
            f"the {plan.metric} of {plan.attribute} = {plan.group} is {planter.base:.3f} at {data.site} now, so at "
            f"most {planter.most:.3f} can be planted; got {plan.size:g}"
        )
    for says, pool in donors.items():
        if not len(pool):
            raise PlanError(
                f"the model says {'ill' if says else 'healthy'} of nobody at {data.site}, so no case can be"
            )
    return planter


def rehearsed_cases(source: Source, site: str, plan: Plan, planter: Planter | None, *, size: int) -> Iterator[Cases]:
    """The plan's cases in batches of `size`, numbered from 0."""
    origin = plan.seed * APART
    for start, data in batches(source, site, first=origin, count=plan.count, size=size):
        rng = np.random.default_rng((_PLANT, number_of(site), start))
        shown, spoilt = (data, 0) if planter is None else planter.plant(data, start - origin, rng)
        yield Cases(start - origin, data, shown, spoilt)
