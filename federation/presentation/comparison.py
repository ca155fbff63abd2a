"""Finished runs beside one another: what can be compared, and the runs among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.charts import Chart
from core.spoken import inside
from core.tones import look_of
from federation.domain.run_config import MODEL_NAMES
from federation.domain.secure.counts import ALL_SITES
from federation.domain.twin_comparison import Repeated, between, over_runs
from federation.models import TrainingRun
from federation.presentation.comparison_charts import course, forest
from federation.presentation.model_words import label_of
from federation.presentation.run_result import RunResult, paired_of, result_of
from federation.secure_stages import orders_of

MOST_RUNS = 10
MODELS, REPETITIONS = "models", "repetitions"


@dataclass(frozen=True)
class Between:
    """A model of another run against the one in its place in the first: the same patients, but nobody paired them."""

    label: str
    against: str  # what stands in its place in the first run
    other: TrainingRun
    difference: float
    lower: float
    upper: float

    @property
    def words(self) -> str:
        if self.lower > 0:
            return _("better than that of the first run")
        return _("worse than that of the first run") if self.upper < 0 else _("no difference shown")


@dataclass(frozen=True)
class Comparison:
    """Several runs. With `refused`, they are not comparable and there is nothing else."""

    results: Sequence[RunResult]
    refused: tuple[str, ...]
    kind: str  # MODELS: other models on the same split; REPETITIONS: one configuration with several seeds
    between: tuple[Between, ...] = ()
    left_out: tuple[str, ...] = ()  # runs whose pairs are of other patients than the first run's, or that have none
    remarks: tuple[str, ...] = ()
    repeated: Repeated | None = None
    forest: Chart | None = None
    course: Chart | None = None


def compare(runs: Sequence[TrainingRun]) -> Comparison:
    """Finished runs of one person's choice, in the order in which they were chosen."""
    results = [result_of(run) for run in runs]
    refused, kind = refusals(runs)
    if refused:
        return Comparison(results, refused, kind)
    rows, left_out = _between(results) if kind == MODELS else ((), ())
    return Comparison(
        results, (), kind, rows, left_out, _remarks(runs), _repeated(results) if kind == REPETITIONS else None,
        forest(results), course(results),
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
    differing = sorted({name for c in others for name in {*c, *first} - _NO_PART if c.get(name) != first.get(name)})
    if len(set(seeds)) == 1:
        return tuple(why), MODELS
    if len(set(seeds)) == len(seeds) and not differing:
        return tuple(why), REPETITIONS
    why.append(
        _(
            "Their seeds are %(seeds)s. The seed splits the patients, so runs are comparable if all have the same "
            "one, or as repetitions if each has another one and nothing else differs. %(what)s"
        )
        % {
            "seeds": ", ".join(map(str, seeds)),
            "what": _("These also differ in: %(names)s.") % {"names": ", ".join(differing)} if differing
            else _("Some of these have the same seed."),
        }
    )  # fmt: skip
    return tuple(why), MODELS


# Of two repetitions the seed differs; terms hold dates and legal bases, which train nothing, and the code's version,
# which `_remarks` tells of.
_NO_PART = {"seed", "terms"}


def _remarks(runs: Sequence[TrainingRun]) -> tuple[str, ...]:
    versions = {str((run.config.get("terms") or {}).get("code_version", "")) for run in runs}
    if len(versions) < 2:
        return ()
    return (
        _(
            "These runs were trained by different versions of the code, which may have split or scored patients "
            "otherwise: a difference between them may be the code's."
        ),
    )


def _patients(result: RunResult) -> dict[str, int]:
    """Of each site that sent pairs at the end."""
    last = paired_of(result.rounds[-1]) if result.rounds else {}
    return {site: part.sums.n for site, part in last.items() if part is not None}


def _same_patients(one: RunResult, two: RunResult) -> bool:
    """As far as can be told: of masked runs the sites that were counted, and how many patients they have together."""
    here, there = _patients(one), _patients(two)
    if (ALL_SITES in here) != (ALL_SITES in there):
        return bool(here and there) and sum(here.values()) == sum(there.values())
    return bool(here) and here == there and _counted(one) == _counted(two)


def _counted(result: RunResult) -> set[str]:
    asked = orders_of(result.rounds[-1].id, "secure_unmask", purpose="evaluate")
    return set(asked[0].body["counted"]) if asked else set()


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


def _between(results: Sequence[RunResult]) -> tuple[tuple[Between, ...], tuple[str, ...]]:
    found, left_out, first = [], [], results[0]
    for result in results[1:]:
        if not _same_patients(result, first):
            left_out.append(result.run.name)
            continue
        for model in MODEL_NAMES:
            one, two = _own(result, model), _own(first, model)
            if one is not None and two is not None:
                label, against = (label_of(each.run.config, model) for each in (result, first))
                found.append(Between(label, against, result.run, *between(one, two, binary=result.binary)))
    return tuple(found), tuple(left_out)


def _repeated(results: Sequence[RunResult]) -> Repeated | None:
    return over_runs([r.end for r in results]) if all(r.end.n for r in results) else None
