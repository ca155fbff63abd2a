"""One finished run in figures and words: the quantum model against the one trained beside it.

Everything is computed from what the sites sent with each round: sums over patients that both models answered for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from core.spoken import inside
from federation.domain.round_metrics import headline_metric
from federation.domain.secure.counts import ALL_SITES
from federation.domain.twin_comparison import (
    CONFIDENCE,
    LOSES,
    NOTHING,
    OPEN,
    WINS,
    Conclusion,
    PairedScores,
    conclude,
)
from federation.models import Round, TrainingRun
from federation.presentation.charts import METRIC_WORDS
from federation.presentation.costs import RunCosts, run_costs
from federation.presentation.facts import ModelFacts, model_facts
from federation.presentation.model_words import labels_of, opponent, short_labels

TONES = {WINS: "info", LOSES: "warn", OPEN: "muted"}  # no states: a win passes no check


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
    """One run: the quantum model (first) against the one trained beside it (second), mostly its classical twin."""

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
        return [Row(site, self.at(last, site)) for site in sorted(paired_of(last)) if site != ALL_SITES] if last else []

    @property
    def silent(self) -> list[str]:
        """Sites that sent no pairs: too few patients, or a worker of before."""
        return sorted(row.label for row in self.by_site if not row.found.n)

    @property
    def why_silent(self) -> str:
        """Why no site is shown by itself."""
        if self.run.config["local"].get("dp") is not None:
            return _(
                "Under differential privacy no pairs of scores leave the sites. Runs without it have them, under "
                "secure aggregation over all sites together."
            )
        if (self.run.config.get("security") or {}).get("masking"):
            return _(
                "Under secure aggregation the sites' scores are known only together, so no site is shown by itself."
            )
        return _(
            "No site has sent both models' scores of the same patients: each has too few, or the run is of before "
            "workers sent them; propose it again to have them."
        )

    @property
    def beside(self) -> str:
        """The heading of the second model, translated."""
        return labels_of(self.run.config)["baseline"]

    @property
    def short(self) -> dict[str, str]:
        return short_labels(self.run.config)

    def course(self, model: str) -> list[tuple[float, float | None]]:
        return [(float(r.number), r.metrics[model]["overall"].get(self.metric, {}).get("mean")) for r in self.rounds]

    @property
    def words(self) -> str:
        words = inside(METRIC_WORDS[self.metric])
        if not self.end.n:
            return _("Not measured.") + " " + self.why_silent
        return verdict_words(self.end, _("The quantum model"), opponent(self.run.config), words)


def paired_of(round_: Round) -> dict[str, PairedScores | None]:
    """Site to its pairs; sites that sent none are there with None. Rounds of before there were pairs have no site."""
    raw = round_.metrics.get("paired") or {}
    return {site: None if row is None else PairedScores.from_list(row, most=10**9) for site, row in raw.items()}


def verdict_words(found: Conclusion, first: str, second: str, metric: str) -> str:
    """The outcome as a sentence that a reader can quote."""
    if found.difference is None or found.lower is None or found.upper is None:
        return _("Not measured.")
    low, middle, high = (
        f"{value:+.3f}".replace("-", "\u2212") for value in (found.lower, found.difference, found.upper)
    )
    figures = _("difference in %(metric)s %(difference)s, %(level)s interval %(low)s to %(high)s, %(n)s patients") % {
        "metric": metric, "difference": middle, "level": f"{CONFIDENCE:.0%}", "low": low, "high": high, "n": found.n,
    }  # fmt: skip
    said = {
        WINS: _("%(first)s wins against %(second)s: %(figures)s."),
        LOSES: _("%(first)s loses against %(second)s: %(figures)s."),
    }.get(found.verdict) or _open_words(found)
    return said % {"first": first, "second": second, "figures": figures, "p": found.p_words}


def _open_words(found: Conclusion) -> str:
    if found.is_undecided:
        return _(
            "%(first)s does not win against %(second)s: %(figures)s. The interval leaves out 0, but too few patients "
            "differ for the exact test (p = %(p)s)."
        )
    return _("%(first)s does not win against %(second)s: %(figures)s. The interval holds 0.")


def result_of(run: TrainingRun) -> RunResult:
    return RunResult(run, [r for r in run.rounds.filter(state=Round.State.DONE) if r.metrics])
