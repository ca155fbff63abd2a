"""What each site gained the model of a run: the newest study, or what one would cost, or why there can be none."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from core.charts import Chart, interval_chart
from federation import contribution_studies, contributions
from federation.contribution_studies import Cost
from federation.domain.cells import MIN_CELL
from federation.domain.contribution import Gain
from federation.domain.feature_summaries import Question
from federation.domain.round_metrics import headline_metric
from federation.domain.run_config import carrier
from federation.engines import state as engines
from federation.forms_pages import ContributionForm
from federation.models import ContributionStudy, SiteOrder, TrainingRun
from federation.presentation.charts import METRIC_WORDS


@dataclass(frozen=True)
class Contributions:
    """For the page of a run that has ended."""

    refusal: str
    study: ContributionStudy | None
    answered: int
    asked: int
    rows: tuple[Gain, ...]
    too_few: tuple[str, ...]
    chart: Chart | None
    cost: Cost | None
    metric: str
    waits_for: str  # why the engine brings nothing just now, while the study is under way
    hidden: int  # sites whose exact gain is for their own institution
    noise_sd: float | None  # of each sum, in patients
    form: ContributionForm | None
    least: int = MIN_CELL

    @property
    def under_way(self) -> bool:
        return self.study is not None and self.study.finished_at is None


def contributions_of(run: TrainingRun, user: User) -> Contributions | None:
    """None while the run is open, when nobody asks yet."""
    if run.is_open:
        return None
    refusal, study = contribution_studies.refusal(run), run.contribution_studies.first()
    cost = contribution_studies.cost(run) if not refusal and user.may("federation.manage") else None
    states = list(contribution_studies.orders_of(study).values_list("state", flat=True)) if study else []
    whole = (study.result or {}) if study else {}
    visible = contribution_studies.visible_sites(study, user) if study else None
    result = contributions.shown_to(whole, visible) or {} if whole else {}
    rows, metric = tuple(Gain(**raw) for raw in result.get("sites", [])), headline_metric(run.config["task"])
    return Contributions(
        refusal=refusal,
        study=study,
        answered=sum(state != SiteOrder.State.PENDING for state in states),
        asked=len(states),
        rows=rows,
        too_few=tuple(result.get("too_few", ())),
        chart=_chart(rows, METRIC_WORDS[metric]),
        cost=cost,
        metric=METRIC_WORDS[metric],
        waits_for=engines.why_not(carrier(run.config)) if study and study.finished_at is None else "",
        hidden=len(whole.get("sites", [])) - len(rows),
        noise_sd=Question.from_dict(study.question).noise_sd if study and study.question else None,
        form=ContributionForm() if cost and cost.noise else None,
    )


def _chart(rows: tuple[Gain, ...], metric: str) -> Chart | None:
    if not rows:
        return None
    return interval_chart(
        [(row.site, row.gain, row.low, row.high, _tone(row)) for row in rows], threshold=0.0, threshold_label="no gain",
        title="What taking part of each site gained the others’ patients",
        x_label=_("%(metric)s, with less without") % {"metric": _(metric)},
        allowed="above", size="s", key="contributions",
    )  # fmt: skip


def _tone(row: Gain) -> str:
    """Only an interval that leaves 0 out says anything."""
    if row.low is None or row.high is None:
        return "muted"
    return "pass" if row.low > 0 else "fail" if row.high < 0 else "muted"
