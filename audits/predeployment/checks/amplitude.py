"""What quantum amplitude estimation of the groups' detection rates would cost, beside reading the records.

It compares two ways to count, so no model passes or fails by it. The records are those of the audit; an interval that
brackets their rate says nothing about other patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Figure, Gathered, Parameter, Principle, Result, Runtime, Table
from audits.predeployment.checks.cells import CellsCheck, cells_of
from federation.domain.data.dataset import UNKNOWN
from federation.domain.group_rates import Cell

EPSILONS = (0.05, 0.02, 0.01)
WAYS = {
    "iqae": "amplitude estimation",
    "with_replacement": "sampling with replacement",
    "without_replacement": "sampling without replacement",
    "exact": "reading every record",
}
RECORDS_TIMED = 64
MOST_SAID = 100  # times slower; beyond it a simulator's exact figure says nothing more and differs from run to run
_NO_VERDICT = (
    "This compares ways to count the patients of this audit; no model passes or fails by it. What it takes to load the "
    "records into a quantum state is not counted."
)


class Amplitude(CellsCheck):
    id = "amplitude"
    title = "Quantum amplitude estimation of detection rates"
    principle = Principle.FAIRNESS
    question = "Would a quantum computer know each group's detection rate with fewer looks at the records?"
    inputs = ("the counts of the bias score",)
    runtime = Runtime.SECONDS
    measured_by = "bias_score"
    parameters = (
        Parameter("confidence", 0.95, "How sure all intervals of one half width together are.", 0.9, 0.999),
        Parameter("shots", 20, "Measurements between two looks at the interval.", 1, 1_000),
        Parameter("runs", 25, "Simulated repetitions; the median counts.", 5, 1_000),
    )
    libraries = ("numpy", "scipy", "pennylane")

    def conclude(self, gathered: Gathered) -> Result:
        groups = _groups(cells_of(gathered, "primary"))
        if not groups:
            reason = "No ill patient of a known group was audited, so there is no detection rate to estimate."
            return Result(Verdict.NOT_ASSESSABLE, (reason,))
        rows = _rows(groups, gathered)
        totals = [_total(rows, epsilon) for epsilon in EPSILONS]
        return Result(
            Verdict.NOT_APPLICABLE,
            (_costs(totals[-1]), _coarser(totals[:-1]), timing := _timed(groups, gathered.seed), _NO_VERDICT),
            value=totals[-1]["saved"],
            change="Nothing would: it informs.",
            tables=(_by_epsilon(totals), _by_group(rows)),
            figures=(_figure(totals[-1]),),
            evidence={
                "rows": rows, "totals": totals, "timing": timing, "facts": _facts(gathered),
                "estimated": "share of ill patients found, by group; intervals of one half width hold together",
            },
            seeds={"measurements": gathered.seed},
        )  # fmt: skip


def _groups(cells: Sequence[Cell]) -> dict[tuple[str, str], tuple[int, int]]:
    """Ill patients found, and all ill patients, of each known group."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for cell in cells:
        found, ill = cell.confusion["tp"], cell.confusion["tp"] + cell.confusion["fn"]
        for key in cell.attributes.items():
            before = counts.get(key, (0, 0))
            counts[key] = before[0] + found, before[1] + ill
    return {key: counts[key] for key in sorted(counts) if key[1] != UNKNOWN and counts[key][1]}


def _rows(groups: Mapping[tuple[str, str], tuple[int, int]], gathered: Gathered) -> list[dict[str, Any]]:
    """One row an epsilon and group."""
    from audits.domain.quantum.cost import cost_of

    chosen = gathered.settings
    joint = 1 - (1 - chosen["confidence"]) / len(groups)
    rng = np.random.default_rng(np.random.SeedSequence([gathered.seed, *Amplitude.id.encode()]))
    rows = []
    for epsilon in EPSILONS:
        for (attribute, group), (found, ill) in groups.items():
            cost = cost_of(
                found, ill, epsilon=epsilon, confidence=joint, shots=chosen["shots"], runs=chosen["runs"], rng=rng
            )
            named = {"epsilon": epsilon, "attribute": attribute, "group": group, "rate": found / ill}
            rows.append({**named, **asdict(cost)})
    return rows


def _total(rows: Sequence[Mapping[str, Any]], epsilon: float) -> dict[str, Any]:
    """The sum over groups; `saved` is against the best classical way, group by group, and below 0 for a loss."""
    here = [row for row in rows if row["epsilon"] == epsilon]
    total = {way: sum(row[way] for row in here) for way in WAYS}
    classical = sum(min(row[way] for way in WAYS if way != "iqae") for row in here)
    saved = {"best_classical": classical, "saved": 1 - total["iqae"] / classical}
    return {
        "epsilon": epsilon,
        **total,
        **saved,
        "saved_with_replacement": 1 - total["iqae"] / total["with_replacement"],
    }


def _costs(total: Mapping[str, Any]) -> str:
    lost = total["saved"] <= 0
    winner = "The classical way wins" if lost else f"Amplitude estimation saves {total['saved']:.0%} against the best"
    return (
        f"To know every group's detection rate to within {total['epsilon']:g}, amplitude estimation needs "
        f"{total['iqae']:,} queries, sampling with replacement {total['with_replacement']:,} reads, without "
        f"replacement {total['without_replacement']:,}; reading every record takes {total['exact']:,} "
        f"and gives the exact rate. {winner}."
    )


def _coarser(totals: Sequence[Mapping[str, Any]]) -> str:
    parts = [
        f"to within {t['epsilon']:g} it needs {t['iqae']:,} against {t['best_classical']:,} of the best classical way"
        for t in totals
    ]
    return f"Coarser, {' and '.join(parts)}."


def _timed(groups: Mapping[tuple[str, str], tuple[int, int]], seed: int) -> str:
    """Wall time, said so that the same audit says the same again."""
    from audits.domain.quantum.circuit import counting_circuit
    from audits.domain.quantum.cost import seconds_of

    found, ill = max(groups.values(), key=lambda pair: pair[1])
    flags = np.arange(RECORDS_TIMED) < round(RECORDS_TIMED * found / ill)
    simulated, counted = seconds_of(
        counting_circuit(flags), flags, epsilon=EPSILONS[0], rng=np.random.default_rng(seed)
    )
    times = simulated / counted
    if times <= 1:
        said = "took no longer than counting them"
    elif times > MOST_SAID:
        said = f"took more than {MOST_SAID} times as long as counting them"
    else:
        said = f"took about {times:.0f} times as long as counting them"
    return f"In wall time, the simulated circuit over {RECORDS_TIMED} records {said}."


def _by_epsilon(totals: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple((t["epsilon"], *(t[way] for way in WAYS), t["saved_with_replacement"], t["saved"]) for t in totals)
    columns = ("To within", *(name.capitalize() for name in WAYS.values()), "Saved against replacement",
               "Saved against the best")  # fmt: skip
    note = (
        "Sums over all groups; below 0 amplitude estimation costs more. Sampling is told the rate in advance when its "
        "size is chosen, which favours it."
    )
    return Table("Queries and reads", columns, rows, note)


def _by_group(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = tuple(
        (r["epsilon"], r["attribute"], r["group"], r["exact"], r["rate"], r["lower"], r["upper"],
         *(r[way] for way in WAYS if way != "exact"), r["inside"])
        for r in rows
    )  # fmt: skip
    ways = (name.capitalize() for way, name in WAYS.items() if way != "exact")
    columns = ("To within", "Attribute", "Group", "Ill patients", "Found", "At least", "At most", *ways,
               "Repetitions that hold it")  # fmt: skip
    return Table("Each group", columns, cells, "The bounds are for these patients, not for patients to come.")


def _figure(total: Mapping[str, Any]) -> Figure:
    rows = tuple((name.capitalize(), total[way]) for way, name in WAYS.items())
    title = f"Queries or reads to know every rate to within {total['epsilon']:g}"
    return Figure("bars", title, rows, {"x_label": "Uses of the operator, or records read"})


def _facts(gathered: Gathered) -> dict[str, Any]:
    return {
        "backend": "the circuit's exact law sin^2((2k + 1) theta), equal to PennyLane lightning.qubit by test",
        "shots": gathered.settings["shots"], "noise_model": "none", "seed": gathered.seed,
        "method": "iterative amplitude estimation, arXiv:1912.05559, last round run again (arXiv:2311.16560)",
    }  # fmt: skip
