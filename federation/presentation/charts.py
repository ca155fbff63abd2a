"""Charts and tables by round, from what the finished rounds recorded. What was not measured is absent, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.charts import Chart, line_chart
from core.spoken import inside
from federation.domain.group_rates import BRIER, CALIBRATION, DISTANCE, OF_THE_LAST_ROUND, RANKING
from federation.domain.round_metrics import headline_metric
from federation.domain.secure.counts import ALL_SITES
from federation.models import Round, RunEvent, TrainingRun
from federation.presentation.model_words import labels_of, short_labels

METRIC_WORDS = {
    "accuracy": "Accuracy",
    "dice": "Dice score",
    "tpr": "True-positive rate",
    "fpr": "False-positive rate",
}
LAST_WORDS = {  # of whom they are: those who have one
    DISTANCE: gettext_noop("Distance of outlines"),
    CALIBRATION: gettext_noop("Calibration error"),
    RANKING: gettext_noop("Area under the ROC curve"),
    BRIER: gettext_noop("Brier score"),
}
MOST_STEPS = 600  # progress messages of a round that are drawn
Points = list[tuple[float, float | None]]


@dataclass(frozen=True)
class Compared:
    """One row of the last round: how many patients, and a metric of both models; the headline unless one is named."""

    scope: str  # "All sites", "Site", or the attribute
    label: str
    n: int | None  # None: not shown
    primary: float | None
    baseline: float | None
    hidden: str = ""  # why not: "few" patients, or "noise"
    noise: float | None = None  # standard deviation of the noise of each figure, under differential privacy
    twin_noise: float | None = None
    metric: str = ""


@dataclass(frozen=True)
class Spent:
    """What a site's patients have spent of the privacy budget."""

    site: str
    epsilon: float | None
    budget: float | None

    @property
    def words(self) -> str:
        if self.epsilon is None:
            return ""
        return _("ε = %(spent)s of %(budget)s") % {"spent": f"{self.epsilon:.2f}", "budget": f"{self.budget:g}"}


@dataclass(frozen=True)
class RunCharts:
    """Everything by round. Without a finished round all of it is empty."""

    metric: str  # in words
    rounds: int
    beside: str = ""  # what was trained beside the quantum model, as a heading
    headline: Chart | None = None
    by_site: Chart | None = None
    by_site_twin: Chart | None = None
    by_group: list[Chart] = field(default_factory=list)
    losses: list[Chart] = field(default_factory=list)
    epsilon: Chart | None = None
    last: list[Compared] = field(default_factory=list)
    told: list[Compared] = field(default_factory=list)  # of all sites, measured after the run's last round alone
    spent: list[Spent] = field(default_factory=list)
    scored: bool = True  # False: differential privacy, and no scores were agreed
    noised: bool = False


def run_charts(run: TrainingRun, rounds: Iterable[Round]) -> RunCharts:
    """The charts of a run over its finished rounds, in order of their number."""
    done = [r for r in rounds if r.state == Round.State.DONE and r.metrics]
    name = headline_metric(run.config["task"])
    words = _(METRIC_WORDS[name])
    if not done:
        return RunCharts(metric=METRIC_WORDS[name], rounds=0)
    labels = labels_of(run.config)
    overall = {
        short: _series(done, lambda m, key=key: m[key]["overall"], name)
        for key, short in short_labels(run.config).items()
    }
    budget = run.config["epsilon_budget"]
    masked = bool((run.config.get("security") or {}).get("masking"))  # then no site's own figures are known
    private = run.config["local"].get("dp") is not None
    attributes = sorted(done[-1].metrics["primary"]["groups"])
    return RunCharts(
        metric=METRIC_WORDS[name],
        rounds=len(done),
        beside=labels["baseline"],
        headline=_chart(
            overall,
            title=_("%(metric)s of both models, all sites") % {"metric": words},
            y_label=words,
        ),
        by_site=None if masked else _by_site(done, "primary", labels, name),
        by_site_twin=None if masked else _by_site(done, "baseline", labels, name),
        by_group=[
            _chart(
                _split(done, lambda m, a=a: m["primary"]["groups"].get(a, {}), name),
                title=_("%(metric)s by %(attribute)s, quantum model")
                % {"metric": words, "attribute": _(attribute_words(a))},
                y_label=words,
            )
            for a in attributes
        ],
        losses=[] if masked else _losses(done, labels),
        epsilon=None if budget is None else _spending(done, budget),
        last=_compare(done[-1].metrics, name),
        told=_told(done[-1].metrics, run.config["task"]),
        scored=not private or run.config.get("scores") is not None,
        noised=run.config.get("scores") is not None,
        spent=[Spent(site, value, budget) for site, value in sorted(done[-1].metrics["epsilon"].items())],
    )


def _by_site(done: list[Round], model: str, labels: Mapping[str, str], metric: str) -> Chart:
    words = _(METRIC_WORDS[metric])
    title = _("%(metric)s by site, %(model)s") % {"metric": words, "model": inside(labels[model])}
    return _chart(_split(done, lambda m: m[model]["site"], metric), title=title, y_label=words)


def _losses(done: list[Round], labels: Mapping[str, str]) -> list[Chart]:
    return [
        _chart(
            _flat(done, lambda m, key=key: m["loss"].get(key, {})),
            title=_("Training loss by site, %(model)s") % {"model": inside(label)}, y_label=_("Loss"),
        )
        for key, label in labels.items()
    ]  # fmt: skip


def _spending(done: list[Round], budget: float) -> Chart:
    return line_chart(
        _flat(done, lambda m: m["epsilon"]), title="Privacy spent (ε) by site", x_label="Round", y_label="ε",
        threshold=budget, threshold_label="budget", size="s",
    )  # fmt: skip


def attribute_words(attribute: str) -> str:
    return attribute.replace("_", " ")


def _chart(series: Mapping[str, Points], *, title: str, y_label: str) -> Chart:
    return line_chart(series, title=title, x_label="Round", y_label=y_label, size="s")


def _series(done: list[Round], pick, metric: str) -> Points:
    """One figure by round."""
    return [(r.number, _mean(pick(r.metrics), metric)) for r in done]


def _split(done: list[Round], pick, metric: str) -> dict[str, Points]:
    """One line for each site or group that occurs in any round."""
    names = sorted({name for r in done for name in pick(r.metrics)})
    return {n: [(r.number, _mean(pick(r.metrics).get(n, {}), metric)) for r in done] for n in names}


def _flat(done: list[Round], pick) -> dict[str, Points]:
    names = sorted({name for r in done for name in pick(r.metrics)})
    return {n: [(r.number, pick(r.metrics).get(n)) for r in done] for n in names}


def _mean(figures: Mapping[str, Any], metric: str) -> float | None:
    return figures.get(metric, {}).get("mean")


def _compare(metrics: Mapping[str, Any], metric: str) -> list[Compared]:
    primary, twin = metrics["primary"], metrics["baseline"]
    rows = [_compared(_("All sites"), _("All sites"), primary["overall"], twin["overall"], metric)]
    for site, figures in primary["site"].items():
        if site == ALL_SITES:  # secure counts: no site's own figures are known
            continue
        rows.append(_compared(_("Site"), site, figures, twin["site"].get(site, {}), metric))
    for attribute, groups in primary["groups"].items():
        for group, figures in groups.items():
            other = twin["groups"].get(attribute, {}).get(group, {})
            rows.append(_compared(_(attribute_words(attribute).capitalize()), group, figures, other, metric))
    return rows


def _told(metrics: Mapping[str, Any], task: str) -> list[Compared]:
    """What was measured after the last round alone, over all sites."""
    primary, twin = metrics["primary"]["overall"], metrics["baseline"]["overall"]
    return [
        replace(_compared(_("All sites"), _(LAST_WORDS[metric]), primary, twin, metric), metric=metric)
        for metric in OF_THE_LAST_ROUND[task]
        if metric in primary
    ]


def _compared(scope: str, label: str, primary: Mapping, twin: Mapping, metric: str) -> Compared:
    own, other = primary.get(metric, {}), twin.get(metric, {})
    hidden = "" if own.get("n", 0) is not None else "noise" if own.get("noisy") else "few"
    noises = own.get("noise_sd"), other.get("noise_sd")
    return Compared(scope, label, own.get("n", 0), own.get("mean"), other.get("mean"), hidden, *noises)


def steps_charts(run: TrainingRun, current: Round) -> list[Chart]:
    """The loss of each step that a site has told of in the round in hand, a drawing for each model.

    Sites tell at most two steps a second, so of fast ones some are missing. Under differential privacy none has a loss.
    """
    said = RunEvent.objects.filter(run=run, kind="progress", at__gte=current.created_at, data__doing="train")
    newest = said.order_by("-id").values_list("site", "data")[:MOST_STEPS]
    lines: dict[str, dict[str, dict[float, float]]] = {"primary": {}, "baseline": {}}
    for site, data in newest:
        model, step, loss = data.get("model"), data.get("step"), data.get("loss")
        if data.get("round") == current.number and model in lines and isinstance(step, int) and loss is not None:
            lines[model].setdefault(site, {})[float(step)] = loss
    return [
        line_chart(
            {site: sorted(points.items()) for site, points in sorted(lines[model].items())},
            title=_("Loss in round %(n)s, %(model)s") % {"n": current.number, "model": inside(label)},
            x_label="Step", y_label="Loss", size="s",
        )
        for model, label in labels_of(run.config).items()
        if lines[model]
    ]  # fmt: skip
