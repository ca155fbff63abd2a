"""Finished runs beside one another: the quantum model against its twin in each, and the runs among themselves.

Everything is computed from what the sites sent with each round: sums over patients that both models answered for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from core.charts import Chart, Series, interval_chart, line_chart
from core.spoken import inside
from core.tones import look_of
from federation.domain.round_metrics import headline_metric
from federation.domain.twin_comparison import (
    CONFIDENCE,
    LOSES,
    NOTHING,
    OPEN,
    WINS,
    Conclusion,
    PairedScores,
    Repeated,
    between,
    conclude,
    over_runs,
)
from federation.models import Round, TrainingRun
from federation.presentation.charts import METRIC_WORDS
from federation.presentation.costs import RunCosts, run_costs
from federation.presentation.facts import ModelFacts, model_facts
from federation.presentation.model_words import label_of, opponent

MOST_RUNS = 10
TONES = {WINS: "info", LOSES: "warn", OPEN: "muted"}  # no states: a win passes no check
MODELS, REPETITIONS = "models", "repetitions"


@dataclass(frozen=True)
class Row:
    """One comparison, in figures and words."""

    label: str
    found: Conclusion

    @property
    def tone(self) -> str:
        return TONES.get(self.found.verdict, "muted")


@dataclass
class RunResult:
    """One run: the quantum model (first) against its classical twin (second)."""

    run: TrainingRun
    rounds: list[Round]  # finished, in order

    @property
    def metric(self) -> str:
        return headline_metric(self.run.config["task"])

    @property
    def binary(self) -> bool:
        return self.metric != "dice"

    @cached_property
    def facts(self) -> list[ModelFacts]:
        return model_facts(self.run.config)

    @property
    def circuit(self) -> str:
        return next((f.circuit.words for f in self.facts if f.circuit), _("no circuit"))

    @property
    def parameters(self) -> list[str]:
        return [_("not known") if f.n_parameters is None else f"{f.n_parameters:,}" for f in self.facts]

    @cached_property
    def costs(self) -> RunCosts:
        return run_costs(self.run)

    @cached_property
    def end(self) -> Conclusion:
        return self.at(self.rounds[-1]) if self.rounds else NOTHING

    def at(self, round_: Round, site: str = "") -> Conclusion:
        """After one round, over all sites or at one."""
        parts = paired_of(round_)
        return conclude([parts.get(site)] if site else parts.values(), binary=self.binary)

    @cached_property
    def by_round(self) -> list[tuple[int, Conclusion]]:
        return [(r.number, self.at(r)) for r in self.rounds]

    @cached_property
    def by_site(self) -> list[Row]:
        last = self.rounds[-1] if self.rounds else None
        return [Row(site, self.at(last, site)) for site in sorted(paired_of(last))] if last else []

    @property
    def silent(self) -> list[str]:
        """Sites that sent no pairs: too few patients, or a worker of before."""
        return sorted(s for s, part in paired_of(self.rounds[-1]).items() if part is None) if self.rounds else []

    def course(self, model: str) -> list[tuple[float, float | None]]:
        return [(float(r.number), r.metrics[model]["overall"].get(self.metric, {}).get("mean")) for r in self.rounds]

    @property
    def words(self) -> str:
        words = inside(METRIC_WORDS[self.metric])
        return verdict_words(self.end, _("The quantum model"), opponent(self.run.config), words)


def paired_of(round_: Round) -> dict[str, PairedScores | None]:
    """Site to its pairs; sites that sent none are there with None. Rounds of before there were pairs have no site."""
    raw = round_.metrics.get("paired") or {}
    return {site: None if row is None else PairedScores.from_list(row, most=10**9) for site, row in raw.items()}


def verdict_words(found: Conclusion, first: str, second: str, metric: str) -> str:
    """The outcome as a sentence that a reader can quote."""
    if found.difference is None or found.lower is None or found.upper is None:
        return _("Not measured: no site sent both models' scores of the same patients.")
    low, middle, high = (
        f"{value:+.3f}".replace("-", "\u2212") for value in (found.lower, found.difference, found.upper)
    )
    figures = _("difference in %(metric)s %(difference)s, %(level)s interval %(low)s to %(high)s, %(n)s patients") % {
        "metric": metric, "difference": middle, "level": f"{CONFIDENCE:.0%}", "low": low, "high": high, "n": found.n,
    }  # fmt: skip
    said = {
        WINS: _("%(first)s wins against %(second)s: %(figures)s."),
        LOSES: _("%(first)s loses against %(second)s: %(figures)s."),
    }.get(found.verdict) or _("%(first)s does not win against %(second)s: %(figures)s. The interval holds 0.")
    return said % {"first": first, "second": second, "figures": figures}


def result_of(run: TrainingRun) -> RunResult:
    return RunResult(run, [r for r in run.rounds.filter(state=Round.State.DONE) if r.metrics])


@dataclass(frozen=True)
class Between:
    """The same model in two runs; patients are the same, but nobody has paired them."""

    label: str
    other: TrainingRun
    difference: float
    lower: float
    upper: float

    @property
    def words(self) -> str:
        if self.lower > 0:
            return _("better than in the first run")
        return _("worse than in the first run") if self.upper < 0 else _("no difference shown")


@dataclass(frozen=True)
class Comparison:
    """Several runs. With `refused`, they are not comparable and there is nothing else."""

    results: Sequence[RunResult]
    refused: tuple[str, ...]
    kind: str  # MODELS: other models on the same split; REPETITIONS: one configuration with several seeds
    between: tuple[Between, ...] = ()
    repeated: Repeated | None = None
    forest: Chart | None = None
    course: Chart | None = None


def compare(runs: Sequence[TrainingRun]) -> Comparison:
    """Finished runs of one person's choice, in the order in which they were chosen."""
    results = [result_of(run) for run in runs]
    refused, kind = refusals(runs)
    if refused:
        return Comparison(results, refused, kind)
    return Comparison(
        results, (), kind, _between(results) if kind == MODELS else (),
        _repeated(results) if kind == REPETITIONS else None, _forest(results), _course(results),
    )  # fmt: skip


def refusals(runs: Sequence[TrainingRun]) -> tuple[tuple[str, ...], str]:
    """Why these runs cannot be compared, and as what they are if they can."""
    why = [
        _("“%(run)s” is %(state)s; only finished runs are compared.")
        % {"run": r.name, "state": inside(look_of(r.state).label)}
        for r in runs
        if r.state != r.State.FINISHED
    ]
    first, others = runs[0].config, [r.config for r in runs[1:]]
    if any(c["task"] != first["task"] for c in others):
        why.append(_("They solve different tasks, so their figures are of different kinds."))
    if any(c["data_digests"] != first["data_digests"] for c in others):
        why.append(_("They were frozen on different data: the digests of the sites' manifests differ."))
    seeds = [r.config["seed"] for r in runs]
    alike = all(_without_seed(c) == _without_seed(first) for c in others)
    if len(set(seeds)) == 1:
        return tuple(why), MODELS
    if len(set(seeds)) == len(seeds) and alike:
        return tuple(why), REPETITIONS
    why.append(
        _(
            "Their seeds are %(seeds)s. The seed splits the patients, so runs are comparable if all have the same "
            "one, or as repetitions if each has another one and nothing else differs."
        )
        % {"seeds": ", ".join(map(str, seeds))}
    )
    return tuple(why), MODELS


def _without_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "seed"}


def _own(result: RunResult, model: str) -> tuple[float, float, float] | None:
    """Patients, sum and sum of squares of one model at the end."""
    parts = [p for p in paired_of(result.rounds[-1]).values() if p is not None] if result.rounds else []
    if not parts:
        return None
    first = model == "primary"
    return (
        float(sum(p.sums.n for p in parts)),
        sum(p.sums.first if first else p.sums.second for p in parts),
        sum(p.first_squares if first else p.second_squares for p in parts),
    )


def _between(results: Sequence[RunResult]) -> tuple[Between, ...]:
    found = []
    for result in results[1:]:
        for model in ("primary", "baseline"):
            label = label_of(result.run.config, model)
            one, two = _own(result, model), _own(results[0], model)
            if one is not None and two is not None and one[0] == two[0]:  # else other sites are silent in each
                found.append(Between(label, result.run, *between(one, two, binary=result.binary)))
    return tuple(found)


def _repeated(results: Sequence[RunResult]) -> Repeated | None:
    differences = [r.end.difference for r in results if r.end.difference is not None]
    return over_runs(differences) if len(differences) == len(results) else None


def sites_chart(result: RunResult) -> Chart | None:
    """The difference at the end: all sites, and each of them."""
    if not result.by_site or not result.end.n:
        return None
    return _differences(result.metric, [Row(_("All sites"), result.end), *result.by_site], "sites")


def difference_by_round(result: RunResult) -> Chart | None:
    """The paired difference after each round, with its interval as a band."""
    found = [(float(number), each) for number, each in result.by_round]
    if not any(each.n for _, each in found):
        return None
    words = _(METRIC_WORDS[result.metric])
    line = Series(
        _("Difference"), [(x, e.difference) for x, e in found], band=[(x, e.lower, e.upper) for x, e in found]
    )
    return line_chart(
        [line], title=_("%(metric)s by round: quantum model minus twin") % {"metric": words}, x_label="Round",
        y_label="Difference", threshold=0.0, threshold_label="no difference", size="s",
    )  # fmt: skip


def _forest(results: Sequence[RunResult]) -> Chart | None:
    return _differences(results[0].metric, [Row(result.run.name, result.end) for result in results], "runs")


def _differences(metric: str, rows: Sequence[Row], key: str) -> Chart:
    words = _(METRIC_WORDS[metric])
    drawn = [(row.label, row.found.difference, row.found.lower, row.found.upper, row.tone) for row in rows]
    return interval_chart(
        drawn, threshold=None,
        title=_("%(metric)s: quantum model minus classical twin, same patients") % {"metric": words},
        x_label="Difference; above 0 the quantum model is better", key=key,
    )  # fmt: skip


def _course(results: Sequence[RunResult]) -> Chart | None:
    words = _(METRIC_WORDS[results[0].metric])
    lines = []
    for number, result in enumerate(results, start=1):
        mark = f" {number}" if len(results) > 1 else ""
        lines += [
            (f"{_('Quantum')}{mark}", result.course("primary")),
            (f"{_('Twin')}{mark}", result.course("baseline")),
        ]
    return line_chart(
        lines[: 2 * 3],
        title=_("%(metric)s by round, all sites") % {"metric": words},
        x_label="Round",
        y_label=words,
        key="course",
    )  # beyond three runs lines cannot be told apart; the table and the export hold them all
