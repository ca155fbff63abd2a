"""The newest question about the sites' features: who has answered, what differs, and what another one would cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from core.charts import Chart, interval_chart
from federation import budget_standings, feature_studies
from federation.budget_standings import DEFAULT_DELTA, Standing
from federation.domain.cells import MIN_SUMMARISED
from federation.domain.feature_shift import Shift
from federation.domain.feature_summaries import MOST_FEATURES, Question
from federation.models import FeatureStudy, Federation, SiteOrder

DRAWN = 12  # rows of the chart; the table has all


@dataclass(frozen=True)
class Shown:
    """What the page shows of features."""

    study: FeatureStudy | None
    orders: tuple[SiteOrder, ...]
    shifts: tuple[Shift, ...]  # the shifted ones first, then by distance
    chart: Chart | None
    noise_sd: float | None  # of the study's counts, in patients
    offered: tuple[str, ...]
    holders: tuple[Standing, ...]
    too_small: tuple[str, ...]
    example_sd: float | None  # of a question about all that is offered, at ε 1

    @property
    def answered(self) -> int:
        return sum(order.state == SiteOrder.State.ANSWERED for order in self.orders)

    @property
    def refusals(self) -> list[tuple[str, str]]:
        unread = ((self.study.result or {}) if self.study else {}).get("unread", {})
        said = [(o.participant.institution.name, o.error) for o in self.orders if o.state == SiteOrder.State.FAILED]
        return [*said, *sorted(unread.items())]

    @property
    def least(self) -> int:
        return MIN_SUMMARISED


def shown(federation: Federation) -> Shown:
    study, asked = federation.feature_studies.first(), feature_studies.whom(federation)
    offered = tuple(asked.features)
    shifts = _sorted(study)
    holders = [(one, str(manifest.content["source"])) for one, manifest in asked.holders]
    return Shown(
        study=study,
        orders=tuple(feature_studies.orders_of(study).order_by("participant__site")) if study else (),
        shifts=shifts,
        chart=_chart(shifts),
        noise_sd=Question.from_dict(study.question).noise_sd if study else None,
        offered=offered,
        holders=tuple(budget_standings.standings_of(holders)) if holders else (),
        too_small=asked.too_small,
        example_sd=_noise_of(offered) if 0 < len(offered) <= MOST_FEATURES else None,
    )


def _sorted(study: FeatureStudy | None) -> tuple[Shift, ...]:
    raw = ((study.result or {}) if study else {}).get("shifts", [])
    found = [Shift(**one) for one in raw]
    return tuple(sorted(found, key=lambda one: (not one.shifted, -one.distance)))


def _chart(shifts: tuple[Shift, ...]) -> Chart | None:
    if not shifts:
        return None
    rows = [
        (f"{one.site}: {one.feature}", one.distance, one.low, one.high, "warn" if one.shifted else "muted")
        for one in shifts[:DRAWN]
    ]
    return interval_chart(
        rows, threshold=None, title="Features that differ most, each site against the others", allowed="",
        x_label="Jensen–Shannon distance", x_range=(0.0, 1.0), key="features",
    )  # fmt: skip


@lru_cache(maxsize=32)
def _noise_of(features: tuple[str, ...]) -> float:
    return Question.within(features, epsilon=1.0, delta=DEFAULT_DELTA).noise_sd
