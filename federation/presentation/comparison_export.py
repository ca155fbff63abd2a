"""A comparison of runs as plain data, for the API and for files."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.spreadsheets import csv_text
from federation.domain.twin_comparison import CONFIDENCE, Conclusion
from federation.presentation.comparison import Comparison
from federation.presentation.costs import Cost
from federation.presentation.model_words import compared
from federation.presentation.run_result import RunResult

BACKEND = "simulator"
COLUMNS = (
    "run", "run_id", "seed", "compared_with", "scope", "round", "metric", "patients", "quantum", "other", "difference",
    "lower", "upper", "p", "effect_d", "better", "worse", "verdict",
)  # fmt: skip


def as_dict(found: Comparison) -> dict[str, Any]:
    """Plain JSON; what was not measured is null."""
    return {
        "comparable": not found.refused,
        "refused": list(found.refused),
        "kind": None if found.refused else found.kind,
        "confidence": CONFIDENCE,
        "runs": [] if found.refused else [_run(result) for result in found.results],
        "between": [
            {"model": b.label, "run": str(b.other.id), "against": str(found.results[0].run.id),
             "against_model": b.against, "difference": b.difference, "lower": b.lower, "upper": b.upper,
             "paired": False}
            for b in found.between
        ],
        "left_out_between": list(found.left_out),
        "remarks": list(found.remarks),
        "repetitions": None if found.repeated is None else {
            **asdict(found.repeated), "verdict": found.repeated.verdict
        },
    }  # fmt: skip


def _run(result: RunResult) -> dict[str, Any]:
    run, costs = result.run, result.costs
    return {
        "id": str(run.id),
        "name": run.name,
        "config_hash": run.config_hash,
        "seed": run.config["seed"],
        "data_digests": run.config["data_digests"],
        "metric": result.metric,
        "compared_with": compared(run.config),
        "backend": BACKEND,
        "shots": None,
        "models": {
            f.name: {
                "kind": run.config["models"][f.name]["kind"],
                "n_parameters": f.n_parameters,
                "circuit": asdict(f.circuit) if f.circuit else None,
                **_cost(costs.of(f.name)),
            }
            for f in result.facts
        },
        "energy_sources": list(costs.sources),
        "watts": [{"site": site, "watts": watts} for site, watts in costs.watts],
        "limits": costs.limits,
        "end": _conclusion(result.end),
        "verdict": result.words,
        "sites": {row.label: _conclusion(row.found) for row in result.by_site},
        "rounds": [{"round": number, **_conclusion(each)} for number, each in result.by_round],
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "joules": cost.joules, "bytes_sent": cost.bytes_sent
    }  # fmt: skip


def _conclusion(found: Conclusion) -> dict[str, Any]:
    told = asdict(found) if found.n else dict.fromkeys(asdict(found))  # nothing measured is no 0
    return {**told, "verdict": found.verdict}


def as_csv(found: Comparison) -> str:
    """A row for each run and round over all sites, and one for each site at the end.

    Costs are of a whole run and a model, which no row is: they stand in `as_dict` alone.
    """
    rows = []
    for result in found.results:
        head = (result.run.name, str(result.run.id), result.run.config["seed"], compared(result.run.config))
        last = result.rounds[-1].number if result.rounds else None
        parts: list[tuple[str, int | None, Conclusion]] = [
            ("all sites", number, each) for number, each in result.by_round
        ]
        parts += [(row.label, last, row.found) for row in result.by_site]
        rows += [(*head, scope, number, result.metric, *_figures(each)) for scope, number, each in parts]
    return csv_text(COLUMNS, rows)


def _figures(found: Conclusion) -> tuple[object, ...]:
    if not found.n:
        return (*[None] * 10, found.verdict)
    return (
        found.n, found.first, found.second, found.difference, found.lower, found.upper, found.p, found.effect,
        found.better, found.worse, found.verdict,
    )  # fmt: skip
