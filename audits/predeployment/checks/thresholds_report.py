"""What the check of thresholds by group says and shows of its proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audits.domain.fairness.threshold_bounds import Bounded
from audits.domain.fairness.thresholds import Outcome, Proposal
from audits.predeployment.checks.base import Figure, Table
from federation.domain.learning.evaluation import THRESHOLD
from federation.domain.quantum.solvers.comparison import Row

NO_CHANGE = (
    f"Nothing is changed by this: the model decides at {THRESHOLD} for everybody. Thresholds by group treat patients "
    "with the same score differently, which needs clinical and legal approval."
)


def sentence(p: Proposal) -> str:
    named = ", ".join(f"{t:g} for {group}" for group, t in zip(p.groups, p.thresholds, strict=True))
    return (
        f"With thresholds of {named}, the larger of the TPR and FPR gaps by {p.attribute} would be {p.after.gap:.3f} "
        f"instead of {p.before.gap:.3f} (change {_interval(p.gap)}), and accuracy {p.after.accuracy:.3f} instead of "
        f"{p.before.accuracy:.3f} (change {_interval(p.accuracy)}), on {'about ' if p.noised else ''}{p.n_judged} "
        f"patients{' (a noised count)' if p.noised else ''} not used for choosing."
    )


def looked_at(first: Proposal, attributes: int, proposed: int) -> str:
    """Which attribute's gap heads the result, and out of how many."""
    how_many = "1 attribute was" if attributes == 1 else f"{attributes} attributes were"
    return (
        f"{how_many} looked at. The figure above is that of {first.attribute}, where the gap at {THRESHOLD} is the "
        f"largest of the {proposed} with a proposal, on the patients used for choosing. Each interval holds for one "
        "figure alone."
    )


def noise(epsilon: float) -> tuple[str, ...]:
    """What a reader of noised counts must know; empty without noise."""
    if not epsilon:
        return ()
    return (
        f"All counts are noised at each site, epsilon {epsilon:g} for each answer, and so are the numbers of patients "
        "and the rates. Running this check again spends as much again: the epsilons add up, and no ledger counts them.",
    )


def _interval(change: Bounded) -> str:
    return f"{change.value:+.3f}, {change.lower:+.3f} to {change.upper:+.3f}"


def solved(proposals: Sequence[Proposal]) -> str:
    """Who was needed: never the quantum computer, where listing all choices is exact."""
    said = []
    for p in proposals:
        rows = {row.solver: row for row in p.solvers.rows}
        qaoa = rows["QAOA"]
        if qaoa.p_optimum.mean is not None and qaoa.p_uniform is not None:
            said.append(f"{qaoa.p_optimum.mean:.3f} by {p.attribute} ({qaoa.p_uniform:.3f} at random)")
    listed = "Listing every choice gives the exact optimum at once, so no quantum computer is needed here."
    return f"{listed} A shot of QAOA is an optimum with probability {'; '.join(said)}." if said else listed


def tables(p: Proposal, beside: Outcome | None) -> tuple[Table, ...]:
    """`beside`: what Fairlearn's choice would bring."""
    return _choices(p), _outcomes(p, beside), _solvers(p)


def _choices(p: Proposal) -> Table:
    rows = [
        (group, threshold, *values)
        for group, threshold, *values in zip(
            p.groups, p.thresholds, p.before.tpr, p.after.tpr, p.before.fpr, p.after.fpr, strict=True
        )
    ]
    rows += [(group, THRESHOLD, None, None, None, None) for group in p.left_alone]
    note = "Rates on audit patients. Groups without rates have too few patients and would keep the usual threshold."
    columns = ("Group", "Threshold", "TPR at 0.5", "TPR proposed", "FPR at 0.5", "FPR proposed")
    return Table(f"Proposed thresholds by {p.attribute}", columns, tuple(rows), note)


def _outcomes(p: Proposal, beside: Outcome | None) -> Table:
    named = [
        ("0.5 for everybody", p.before), ("As proposed", p.after),
        ("0.5 for everybody, where it was chosen", p.chosen_before), ("As proposed, where it was chosen", p.chosen),
    ]  # fmt: skip
    if beside is not None:
        named.append(("Fairlearn's equalised odds, partly by lot", beside))
    rows = tuple((name, o.tpr_gap, o.fpr_gap, o.accuracy) for name, o in named)
    note = "On audit patients but where it was chosen. Fairlearn may flag one of two equal patients of a group by lot."
    return Table(f"What it would bring by {p.attribute}", ("Decisions", "TPR gap", "FPR gap", "Accuracy"), rows, note)


def _solvers(p: Proposal) -> Table:
    table = p.solvers
    rows = tuple(_solver(row) for row in table.rows)
    columns = ("Solver", "Lowest cost", "P(optimum)", "from", "to", "P at random", "Approximation ratio", "Found",
               "Evaluations", "Shots", "Layers", "Backend")  # fmt: skip
    note = (
        f"{table.n_bits} bits, {table.n_states} allowed choices, seeds {table.seeds[0]} to {table.seeds[-1]}. "
        "P(optimum) is that of one draw, from the least to the most of the seeds, for annealing with an exact 95 % "
        "interval; Found, the share of seeds whose best draw is the optimum. A draw of annealing is a whole run of "
        "many passes; a circuit's is one shot, after its angles were tuned on exact expectations."
    )
    return Table(f"Solvers for {p.attribute}", columns, rows, note)


def _solver(row: Row) -> tuple[Any, ...]:
    best = row.best
    figures = (row.p_optimum.mean, row.p_optimum.lower, row.p_optimum.upper, row.p_uniform, row.ratio.mean, row.found)
    if best is None:
        return (row.solver, None, *figures, row.evaluations, None, None, row.refused)
    return (row.solver, best.energy, *figures, row.evaluations, best.shots, best.depth, best.backend)


def told(p: Proposal, beside: Outcome | None) -> dict[str, Any]:
    """Without wall times, so that the same answers give the same digest."""
    told = p.as_dict()
    for row in told["solvers"]["rows"]:
        row.pop("seconds")
        if row["best"]:
            row["best"].pop("seconds")
    return told | {"fairlearn": None if beside is None else {
        "tpr_gap": beside.tpr_gap, "fpr_gap": beside.fpr_gap, "accuracy": beside.accuracy}}  # fmt: skip


def figure(proposals: Sequence[Proposal]) -> Figure:
    rows = []
    for p in proposals:
        for name, gap in ((f"at {THRESHOLD}", p.before_gap), ("proposed", p.after_gap)):
            rows.append((f"{p.attribute}, {name}", gap.value, gap.lower, gap.upper, "plain"))
    return Figure("intervals", "Larger of TPR and FPR gap", tuple(rows), {"threshold": None, "x_label": "Gap, 0 to 1"})
