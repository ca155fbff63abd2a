"""What the circuit check says and shows, from the sums of all sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any

from audits.predeployment.checks.base import Figure, Gathered, Table
from audits.predeployment.checks.stress import MODELS, score_words

if TYPE_CHECKING:
    from federation.domain.group_rates import Sums
    from federation.domain.quantum.circuits import CircuitShape

SILENT = "primary/silent"
ENTANGLERS = "primary/entanglers"
FEEDS = 3  # columns named for a wire


class Pooled:
    """The sums of all sites, and their intervals."""

    def __init__(self, gathered: Gathered) -> None:
        from audits.domain.robustness.paired import merged

        answers = gathered.each
        self.task, self.level = gathered.task, gathered.settings["confidence"]
        self.matters = gathered.settings["matters"]
        self.sums = merged(answer.sums for answer in answers)
        self.n = sum(answer.patients for answer in answers)
        self._moved = {case: _added([answer.moved[case] for answer in answers]) for case in answers[0].moved}
        self.shares = {
            name: [_added(list(rows)) for rows in zip(*(answer.shares[name] for answer in answers), strict=True)]
            for name in answers[0].shares
        }
        self.exact = answers[0].exact
        self.unit = "amplitude" if answers[0].shape.embedding == "amplitude" else "wire"
        self.feeds = [
            {name: sum(a.patients * a.feeds[wire].get(name, 0.0) for a in answers) / self.n for name in row}
            for wire, row in enumerate(answers[0].feeds)
        ]

    @property
    def cases(self) -> list[str]:
        return list(self._moved)

    def lost(self, case: str) -> tuple[float, float, float]:
        """Score lost without the part, with its interval."""
        pair = self.sums[case, "", ""]
        return pair.difference, *pair.interval(self.level, binary=self.task == "classification")

    def moved(self, case: str) -> tuple[float, float, float]:
        """Mean change of the answers without the part, in [0, 1]."""
        return _mean(self._moved[case], self.level, lowest=0.0)

    def shapley(self, name: str) -> list[tuple[float, float, float]]:
        return [_mean(sums, self.level, lowest=-1.0) for sums in self.shares[name]]


def _added(parts: list[Sums]) -> Sums:
    from federation.domain.group_rates import Sums

    return sum(parts, Sums(0, 0.0, 0.0))


def _mean(sums: Sums, level: float, *, lowest: float) -> tuple[float, float, float]:
    """Mean and its Student interval, cut to [lowest, 1]."""
    from scipy.stats import t

    mean = sums.total / sums.n
    reach = float(t.ppf(0.5 + level / 2, max(sums.n - 1, 1))) * sqrt((sums.variance or 0.0) / sums.n)
    return mean, max(lowest, mean - reach), min(1.0, mean + reach)


def facts_of(shape: CircuitShape) -> dict[str, Any]:
    from federation.domain.quantum.circuits import plan_of

    cnots = sum(len(shape.cnots(layer)) for layer in range(shape.layers))
    return {
        "qubits": shape.n_qubits, "layers": shape.layers, "depth": shape.depth,
        "gates": len(plan_of(shape).gates), "cnots": cnots, "shots": "exact (no shots)",
        "backend": "torch state vector, analytic, noiseless; equal to PennyLane default.qubit by test",
    }  # fmt: skip


def sentences(found: Pooled, shape: CircuitShape, facts: Mapping[str, Any], needed: float) -> Iterator[str]:
    words = score_words(found.task)
    yield (
        f"When the circuit is told nothing about the patient, the {words} falls by {_words(found.lost(SILENT))}; "
        f"the circuit counts as carrying the answers from {needed:g} on ({found.n} patients)."
    )
    if found.moved(SILENT)[2] < found.matters:
        yield "The answers are the same without the circuit: it decides nothing that matters here."
    if "baseline/silent" in found.cases:
        twin = found.lost("baseline/silent")
        yield f"Silencing the classical twin's core in the same way costs {_words(twin)}: {_beside(found, twin)}."
    if ENTANGLERS in found.cases:
        moved, lost = found.moved(ENTANGLERS), found.lost(ENTANGLERS)
        what = f"Without any of its {facts['cnots']} {shape.entangler} gates, answers move by {_words(moved)} on "
        what += f"average and the {words} falls by {_words(lost)}"
        yield f"{what}: {_entangled(found, moved, lost)}."
    else:
        yield "The circuit has no entangling gates: its qubits never interact."
    yield _best(found, shape, words)
    yield (
        f"The circuit has {facts['qubits']} qubits, {facts['layers']} layers, depth {facts['depth']} and "
        f"{facts['gates']} gates, run exactly, without shots or noise."
    )
    yield "Nothing was trained again: this explains the model as it is, not what another circuit could learn."
    if found.task == "segmentation":
        yield "Only some slices of each patient were looked at; their Dice is not that of the whole volume."


def _best(found: Pooled, shape: CircuitShape, words: str) -> str:
    shares = found.shapley("primary")
    best = max(range(len(shares)), key=lambda wire: shares[wire][0])
    if shares[best][1] <= 0:
        return f"None of the {shape.n_inputs} input {found.unit}s is shown to contribute to the {words}."
    fed = _fed(found, best)
    return (
        f"Of the {shape.n_inputs} input {found.unit}s, {found.unit} {best} contributes most to the {words}: "
        f"{_words(shares[best])}"
        f"{f'; it is fed mostly by {fed}' if fed else ''}."
    )


def _beside(found: Pooled, twin: tuple[float, float, float]) -> str:
    own = found.lost(SILENT)
    if own[1] > twin[2]:
        return "more of the answers passes through the quantum core"
    if own[2] < twin[1]:
        return "less of the answers passes through the quantum core"
    return "the two cores are not told apart"


def _entangled(found: Pooled, moved: tuple[float, float, float], lost: tuple[float, float, float]) -> str:
    if moved[2] < found.matters:
        return "the entanglement changes nothing that matters here"
    if lost[1] > 0:
        return "the model relies on entanglement"
    if lost[2] < 0:
        return "the model would be better without it"
    return "answers change, but it is not shown that they get worse"


def _fed(found: Pooled, wire: int) -> str:
    if not found.feeds:
        return ""
    row = found.feeds[wire]
    heaviest = sorted(row, key=lambda name: -row[name])[:FEEDS]
    return ", ".join(f"{name} ({row[name]:.0%})" for name in heaviest)


def _words(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})"


def _label(found: Pooled, case: str) -> str:
    name, kind, *rest = case.split("/")
    unit = found.unit if name == "primary" else "unit"
    part = {
        "silent": "everything silenced",
        "unit": f"{unit} {rest[0]} silenced" if rest else "",
        "entanglers": f"no entangling gates in layer {rest[0]}" if rest else "no entangling gates",
        "entangler": f"without the entangling gate of layer {rest[0]} from wire {rest[-1]}" if rest else "",
        "layer": f"without layer {rest[0]}" if rest else "",
    }[kind]
    return f"{MODELS[name]}: {part}"


def tables(found: Pooled) -> tuple[Table, ...]:
    rows = tuple(
        (_label(found, case), found.n, *(round(v, 4) for v in (*found.moved(case), *found.lost(case))))
        for case in found.cases
    )
    columns = ("Part taken away", "n", "Answers move by", "From", "To", "Score lost", "From", "To")
    note = "Answers move from 0 (the same) to 1. A score lost below 0 is a score gained. Intervals hold one at a time."
    tables = [Table("Each part taken away", columns, rows, note)]
    units = tuple(
        (MODELS[name], unit, *(round(v, 4) for v in share), _fed(found, unit) if name == "primary" else "")
        for name in found.shares
        for unit, share in enumerate(found.shapley(name))
    )
    exact = "over all sets of units" if all(found.exact.values()) else "over random orders of units where not exact"
    heads = ("Model", "Wire or unit", "Share of the score", "From", "To", "Fed mostly by")
    tables.append(
        Table("Who carries the score", heads, units, f"Shapley values, {exact}; they add up to what is lost.")
    )
    return tuple(tables)


def figures(found: Pooled) -> tuple[Figure, ...]:
    wires = [(f"{found.unit} {wire}", *share, "plain") for wire, share in enumerate(found.shapley("primary"))]
    parts = [case for case in found.cases if case.split("/")[1] in ("silent", "entanglers", "layer")]
    shares = {"x_label": "Shapley value of the score", "threshold": 0.0, "threshold_label": "none", "allowed": ""}
    losses = {"x_label": "Score lost", "threshold": 0.0, "threshold_label": "nothing lost", "allowed": ""}
    lost = [(_label(found, case), *found.lost(case), "plain") for case in parts]
    return (
        Figure("intervals", f"Each input {found.unit}'s share of the score", wires, shares),
        Figure("intervals", "Score lost without a part", lost, losses),
    )
