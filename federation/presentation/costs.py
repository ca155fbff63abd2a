"""What a run took: seconds, bytes and energy, by round and model, as far as the sites said it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import artefacts
from core.charts import Chart, line_chart
from federation.domain.run_config import MODEL_NAMES
from federation.models import Round, SiteUpdate, TrainingRun
from federation.presentation.model_words import label_of, short_labels

JOULES_A_KWH = 3.6e6
LIMITS = gettext_noop(
    "Of training in rounds that counted: discarded rounds, updates left out, cooling and network are not in it."
)
OF_SOURCES = {
    "rapl": gettext_noop(
        "The processor's counter holds all that runs on a machine, idle power too, and sites that share a machine each "
        "count all of it: then the sum over sites is too large."
    ),
    "declared": gettext_noop("Declared watts are those of a busy core: idle power is not in it."),
}
SOURCE_WORDS = {
    "rapl": "measured by the processor's own counter (RAPL), which counts everything that runs on it",
    "declared": "CPU seconds times the watts that the site's operator declared",
}


@dataclass(frozen=True)
class Cost:
    """Sums over sites and rounds of one model's training; None where not every update said it."""

    model: str
    label: str
    seconds: float | None
    cpu_seconds: float | None
    joules: float | None
    bytes_sent: int | None  # of the sites' updates

    @property
    def kwh(self) -> float | None:
        return None if self.joules is None else self.joules / JOULES_A_KWH


@dataclass(frozen=True)
class RunCosts:
    """Both models over the whole run, and their energy by round."""

    models: tuple[Cost, ...]
    sources: tuple[str, ...]  # where the joules come from, in words
    limits: str  # what is in them, and what is not
    watts: tuple[tuple[str, float], ...]  # site and what its operator declared; a site again for each change of it
    chart: Chart | None

    @property
    def measured(self) -> bool:
        return any(cost.seconds is not None for cost in self.models)

    def of(self, model: str) -> Cost:
        return next(cost for cost in self.models if cost.model == model)


def run_costs(run: TrainingRun) -> RunCosts:
    """From the updates of finished rounds, in one query."""
    updates = list(
        SiteUpdate.objects.filter(round__run=run, round__state=Round.State.DONE)
        .select_related("round", "participant")
        .order_by("round__number")
    )
    told = [(u.participant.site, u.metrics.get(name, {})) for u in updates for name in MODEL_NAMES]
    sources = {str(t["energy_source"]) for _, t in told if t.get("energy_source")}
    watts = dict.fromkeys((site, t["watts"]) for site, t in told if _is_number(t.get("watts")))
    return RunCosts(
        tuple(_cost(name, label_of(run.config, name), updates) for name in MODEL_NAMES),
        tuple(SOURCE_WORDS.get(source, source) for source in sorted(sources)),
        " ".join([*(_(OF_SOURCES[source]) for source in sorted(sources) if source in OF_SOURCES), _(LIMITS)]),
        tuple(sorted(watts, key=lambda one: one[0])),  # of a site in the order of rounds
        _by_round(short_labels(run.config), updates),
    )


def _cost(name: str, label: str, updates: list[SiteUpdate]) -> Cost:
    told = [u.metrics.get(name, {}) for u in updates if u.n_records]
    sizes = [artefacts.size(u.weights[name]) if name in u.weights else None for u in updates]
    seconds, cpu, joules = (_total(t.get(key) for t in told) for key in ("seconds", "cpu_seconds", "joules"))
    sent = _total(sizes)
    return Cost(name, label, seconds, cpu, joules, None if sent is None else int(sent))


def _total(values: Iterable[Any]) -> float | None:
    """A sum of which nothing is missing; half a sum would be taken for the whole."""
    found = list(values)
    return float(sum(found)) if found and all(map(_is_number, found)) else None


def _is_number(value: Any) -> bool:
    """What a site reports of its costs is stored as it came."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by_round(labels: Mapping[str, str], updates: list[SiteUpdate]) -> Chart | None:
    numbers = sorted({u.round.number for u in updates})
    lines = {}
    for name in MODEL_NAMES:
        points = []
        for number in numbers:
            own = [u.metrics.get(name, {}) for u in updates if u.round.number == number and u.n_records]
            points.append((float(number), _total(t.get("joules") for t in own)))
        lines[labels[name]] = points
    if all(y is None for points in lines.values() for _, y in points):
        return None
    return line_chart(
        lines, title="Energy of training by round, all sites", x_label="Round", y_label="Joules", size="s"
    )
