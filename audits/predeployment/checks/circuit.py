"""What the circuit contributes: which input wires and which entanglers carry the output, beside the classical twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    AnswerError,
    Check,
    Direction,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Runtime,
)
from audits.predeployment.checks.circuit_report import SILENT, Pooled, facts_of, figures, sentences, tables
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.explain.circuit import Ablation
    from audits.domain.robustness.paired import Key
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.group_rates import Sums
    from federation.domain.models.base import Model
    from federation.domain.paired import PairedSums
    from federation.domain.quantum.circuits import CircuitShape

_ROUNDING = 1e-6


@dataclass(frozen=True)
class CircuitAnswer:
    """One site's sums; `shape` is None for a model without a circuit, and then there is nothing else."""

    shape: CircuitShape | None
    patients: int
    sums: Mapping[Key, PairedSums]
    moved: Mapping[str, Sums]
    shares: Mapping[str, tuple[Sums, ...]]  # model to one sum a unit, of values in [-1, 1]
    exact: Mapping[str, bool]
    feeds: tuple[Mapping[str, float], ...]


class Circuit(Check):
    id = "circuit"
    title = "What the circuit contributes"
    principle = Principle.TRANSPARENCY
    question = "Does the quantum circuit carry the model's answers, and which of its inputs and entanglers do?"
    inputs = ("audit patients", "training patients", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("carries", Direction.AT_LEAST)
    parameters = (
        Parameter("carries", 0.02, "score that is lost at least when the circuit is told nothing", 0.0, 0.9),
        Parameter("matters", 0.02, "mean change of the answers from which a part counts", 0.001, 0.5),
        Parameter("patients", 400, "most patients measured at a site, drawn at random", 10, 5000),
        Parameter("images", 64, "the same for imaged patients", 10, 5000),
        Parameter("slices", 2, "slices of each imaged patient, those with most of the lesion", 1, 64),
        Parameter("coalitions", 64, "sets of wires tried for the Shapley values of a model", 8, 1024),
        Parameter("confidence", 0.95, "of each interval", 0.9, 0.999),
    )
    libraries = ("torch",)

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        from audits.domain.explain.circuit import core_of, encoded
        from audits.domain.robustness.paired import to_rows
        from audits.domain.robustness.scores import some_patients, some_slices
        from audits.predeployment.checks.at_site import copy_of
        from federation.domain.models.bottleneck import QuantumBottleneck
        from federation.domain.paired import LEAST

        core = core_of(at.models["primary"])
        if not isinstance(core, QuantumBottleneck):
            return {"circuit": None}
        chosen = at.settings
        most = chosen["images" if at.imaged else "patients"]
        data, seen = (
            some_slices(some_patients(part, most, at.rng(name)), chosen["slices"])
            for name, part in (("patients", at.audit), ("background", at.train))
        )
        if data.n_patients < LEAST or seen.n_patients < LEAST:
            raise NotMeasured(f"at least {LEAST} audit and {LEAST} training patients are needed")
        models = {name: copy_of(model) for name, model in at.models.items() if core_of(model) is not None}
        sums: dict[Key, PairedSums] = {}
        moved: dict[str, list[float]] = {}
        shares: dict[str, list[list[float]]] = {}
        exact: dict[str, bool] = {}
        for name, model in models.items():
            ablation, found = _ablated(at, name, model, data, seen)
            for case, (pair, change) in found.items():
                sums[case, "", ""], moved[case] = pair, change
            shares[name], exact[name] = _shares(at, name, ablation)
        shape = core.circuit.shape
        spread = None if data.imaged else seen.x.std(axis=0).astype(float)
        feeds = [] if spread is None else encoded(core, spread, data.feature_names)
        return {
            "circuit": {
                name: getattr(shape, name)
                for name in ("n_qubits", "layers", "entangling", "embedding", "reupload", "ansatz")
            },
            "patients": data.n_patients, "rows": to_rows(sums), "moved": moved, "shares": shares, "exact": exact,
            "feeds": feeds,
        }  # fmt: skip

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> CircuitAnswer:
        from audits.domain.explain.circuit import gate_cases
        from audits.domain.robustness.paired import from_rows
        from federation.domain.quantum.circuits import CircuitShape

        if raw["circuit"] is None:
            return CircuitAnswer(None, 0, {}, {}, {}, {}, ())
        shape, n = CircuitShape(**raw["circuit"]), raw["patients"]
        if type(n) is not int or n < 1:
            raise AnswerError(f"expected the number of patients, got {n!r}")
        shares = {str(name): tuple(_sums(row, n, lowest=-1.0) for row in rows) for name, rows in raw["shares"].items()}
        if "primary" not in shares or len(shares["primary"]) != shape.n_inputs or not set(shares) <= set(MODELS):
            raise AnswerError(f"expected one Shapley value for each of {shape.n_inputs} inputs, got {shares}")
        asked = [case for name, rows in shares.items() for case in _unit_cases(name, len(rows))]
        asked += [f"primary/{case}" for case in gate_cases(shape)]
        sums = from_rows(raw["rows"], patients=n, cases=asked)
        if set(raw["moved"]) != set(asked) or len(raw["feeds"]) not in (0, shape.n_inputs):
            raise AnswerError(f"expected the moved answers of {sorted(asked)}, got {sorted(raw['moved'])}")
        moved = {case: _sums(row, n) for case, row in raw["moved"].items()}
        feeds = tuple({str(k): float(v) for k, v in row.items()} for row in raw["feeds"])
        if not all(0 <= value <= 1 for row in feeds for value in row.values()):
            raise AnswerError("expected the shares of columns in a wire to be from 0 to 1")
        return CircuitAnswer(shape, n, sums, moved, shares, {k: bool(v) for k, v in raw["exact"].items()}, feeds)

    def conclude(self, gathered: Gathered) -> Result:
        shapes = {answer.shape for answer in gathered.each}
        if len(shapes) != 1:
            raise ValueError(f"expected the same circuit at every site, got {len(shapes)} different ones")
        shape = shapes.pop()
        if shape is None:
            if "qubits" in gathered.config.get("models", {}).get("primary", {}):
                raise ValueError("expected the circuit of the frozen configuration, got none from any site")
            return Result(Verdict.NOT_APPLICABLE, ("The model has no quantum circuit, so there is none to explain.",))
        found = Pooled(gathered)
        needed, level = gathered.settings["carries"], gathered.settings["confidence"]
        lost, lower, upper = found.lost(SILENT)
        verdict = Verdict.PASS if lower >= needed else Verdict.FAIL if upper < needed else Verdict.INCONCLUSIVE
        facts = facts_of(shape)
        return Result(
            verdict, tuple(sentences(found, shape, facts, needed)), lost, lower, upper, needed, level,
            tables=tables(found), figures=figures(found),
            evidence={
                "circuit": facts, "patients": {s: a[0].patients for s, a in sorted(gathered.answers.items())},
                "cases": {case: {"lost": found.lost(case), "moved": found.moved(case)} for case in found.cases},
                "shapley": {name: found.shapley(name) for name in found.shares}, "exact": found.exact,
                "feeds": found.feeds, "settings": dict(gathered.settings), "not_measured": dict(gathered.absent),
            },
            seeds={"audit": gathered.seed},
        )  # fmt: skip


def _unit_cases(name: str, units: int) -> list[str]:
    return [f"{name}/silent", *(f"{name}/unit/{unit}" for unit in range(units))]


def _ablated(
    at: AtSite, name: str, model: Model, data: SiteData, seen: SiteData
) -> tuple[Ablation, dict[str, tuple[PairedSums, list[float]]]]:
    """Every part of one model taken away, one at a time."""
    from audits.domain.explain.circuit import Ablation, gate_cases
    from federation.domain.models.bottleneck import QuantumBottleneck
    from federation.domain.paired import PairedSums

    ablation = Ablation(model, data, seen.x)
    whole, all_units = ablation.whole().score, frozenset(range(ablation.units))
    kept = [frozenset[int](), *(all_units - {unit} for unit in range(ablation.units))]
    units = dict(zip(_unit_cases(name, ablation.units), kept, strict=True))
    core = ablation.core if name == "primary" else None  # not the gates of a baseline, which is no classical twin then
    parts = gate_cases(core.circuit.shape) if isinstance(core, QuantumBottleneck) else {}
    gates = {f"{name}/{case}": part for case, part in parts.items()}
    out = {}
    for number, case in enumerate([*units, *gates]):
        at.tell(f"taking parts of the {MODELS[name]} away", number + 1, len(units) + len(gates))
        seen_without = ablation.of_units(units[case]) if case in units else ablation.of_circuit(gates[case])
        change = seen_without.moved
        sums = [len(change), float(change.sum()), float((change**2).sum())]
        out[case] = PairedSums.of(whole, seen_without.score), sums
    return ablation, out


def _shares(at: AtSite, name: str, ablation: Ablation) -> tuple[list[list[float]], bool]:
    """Sums over patients of each unit's Shapley value."""
    from audits.domain.explain.circuit import shapley

    # Every site draws the same orders, so that their sampled values are of one and the same thing.
    found, exact = shapley(
        lambda kept: ablation.of_units(kept).score, ablation.units, most=at.settings["coalitions"],
        rng=_same_everywhere(at.seed),
        tell=lambda step, steps: at.tell(f"Shapley values of the {MODELS[name]}", step, steps),
    )  # fmt: skip
    return [[row.size, float(row.sum()), float((row**2).sum())] for row in found], exact


def _same_everywhere(seed: int) -> Any:
    import numpy as np

    return np.random.default_rng(np.random.SeedSequence([seed, *b"circuit"]))


def _sums(raw: Any, n: int, *, lowest: float = 0.0) -> Sums:
    from federation.domain.group_rates import Sums

    count, total, squares = raw
    found = Sums(count, float(total), float(squares))
    inside = type(count) is int and count == n and isfinite(found.total) and isfinite(found.total_sq)
    slack = _ROUNDING * n
    inside = inside and lowest * n - slack <= found.total <= n + slack and -slack <= found.total_sq <= n + slack
    if not inside or found.total**2 > n * found.total_sq + slack * n:
        raise AnswerError(f"expected sums over {n} patients of values from {lowest:g} to 1, got {list(raw)}")
    return found
