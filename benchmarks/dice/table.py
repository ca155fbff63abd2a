"""From finished cells to the rows of the comparison: figures over patients and seeds, and differences to the hybrid.

One comparison gets a verdict: the hybrid and its twin, mean Dice, ten paired seeds. It was chosen when four of them had
been seen. All other intervals are unadjusted and get none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.dice.cell import ENOUGH, rounds_to
from benchmarks.dice.intervals import Floats, interval, median, median_interval, over_seeds, verdict
from benchmarks.dice.plans import LONG, plans
from benchmarks.frame import Measure

REFERENCE, TWIN = "hybrid_unet", "unet2d"
STUDY = range(10)  # seeds: no other number of them gets a verdict, so that none is added until it pleases
Cells = Sequence[Mapping[str, Any]]


def by_patient(cells: Cells, key: str = "dice") -> dict[str, dict[int, float]]:
    """Patient to seed to value; each patient is held out once for each seed."""
    found: dict[str, dict[int, float]] = {}
    for cell in cells:
        for patient, value in cell.get(key, {}).items():
            found.setdefault(patient, {})[cell["seed"]] = value
    return found


def complete_seeds(cells: Cells, folds: Sequence[int]) -> list[int]:
    """Seeds of which every reported fold is finished."""
    held: dict[int, set[int]] = {}
    for cell in cells:
        held.setdefault(cell["seed"], set()).add(cell["fold"])
    return sorted(seed for seed, done in held.items() if done >= set(folds))


def rows(
    cells: Cells, folds: Sequence[int], *, rounds: int = LONG, failed: Mapping[str, int] | None = None
) -> Iterator[Measure]:
    """A row for each way of training, with its difference to the hybrid on the same patients and seeds.

    The longer budget has the names of the contract (`dice.hybrid_unet`), the other ones their rounds behind them.
    `failed`: cells of each row that were trained and did not end; a seed that is missing for that is no chance.
    """
    found = plans(rounds)
    for row, name in _rows(cells, folds, failed or {}):
        ending = "" if rounds == LONG else f".{rounds}_rounds"
        how = f"{rounds} rounds, rate {found[name].local.learning_rate:g}"
        yield replace(row, metric=f"dice.{row.metric}{ending}", note=f"{how}; {row.note}")


def _rows(cells: Cells, folds: Sequence[int], failed: Mapping[str, int]) -> Iterator[tuple[Measure, str]]:
    """Each with the row whose plan it is about."""
    of = {name: [cell for cell in cells if cell["row"] == name] for name in dict.fromkeys(c["row"] for c in cells)}
    seeds = {name: complete_seeds(own, folds) for name, own in of.items()}
    for name, own in of.items():
        if not seeds[name]:
            continue
        row = _row(name, [cell for cell in own if cell["seed"] in seeds[name]])
        lost = f"; {failed[name]} cells did not end" if failed.get(name) else ""
        yield replace(row, note=row.note + lost), name
        if name != REFERENCE and (both := sorted(set(seeds[name]) & set(seeds.get(REFERENCE, [])))):
            judged = name == TWIN and set(STUDY) <= set(both) and not (failed.get(name) or failed.get(REFERENCE))
            used = list(STUDY) if judged else both
            mine, theirs = ([c for c in of[n] if c["seed"] in used] for n in (REFERENCE, name))
            yield _difference(name, mine, theirs, judged=judged), name
    if silent := [cell for cell in of.get(REFERENCE, []) if cell["seed"] in seeds[REFERENCE]]:
        yield _silenced(silent), REFERENCE


def _row(name: str, cells: Cells) -> Measure:
    _, table = _table(cells)
    by_seed = table.mean(axis=0)
    low, high = interval(table, of_seeds=len(by_seed) > 1)
    least, most = median_interval(table)
    far = [value for cell in cells for value in cell["hd95"].values()]
    missed = sum(len(cell["dice"]) for cell in cells) - len(far)
    said = (
        f"median patient {median(table):.3f} ({least:.3f} to {most:.3f} over patients); 95 % over "
        f"{'patients' if len(by_seed) == 1 else 'patients and seeds'} {low:.3f} to {high:.3f}"
        f"{_few_seeds(table)}; {len(table)} held-out "
        f"patients, {len(by_seed)} seeds; HD95 {statistics.median(far):.1f} voxels at the median, none for {missed} "
        f"masks; {_training([cell['curve'] for cell in cells if cell['curve']])}; {_code(cells)}"
    )
    spread = float(np.ptp(by_seed) / np.median(by_seed)) if len(by_seed) > 1 else None
    return Measure(name, float(table.mean()), "Dice", runs=len(by_seed), spread=spread, note=said)


def _few_seeds(values: Floats, sign: str = "") -> str:
    """Student's interval beside the bootstrap, which takes two or three seeds for more than they are."""
    if not 1 < values.shape[1] < len(STUDY):
        return ""
    low, high = over_seeds(values)
    return f", over seeds alone {low:{sign}.3f} to {high:{sign}.3f}"


def _training(curves: Sequence[list[list[float]]]) -> str:
    """When the training patients were learned to a Dice of 0.9: "never", unless more than half of the models did."""
    if not curves:
        return "training not watched"
    reached = [number if (number := rounds_to(curve)) is not None else math.inf for curve in curves]
    rounds = statistics.median_high(reached)
    count = sum(math.isfinite(number) for number in reached)
    return (
        f"training Dice {ENOUGH} after {'never' if math.isinf(rounds) else f'{rounds:g}'} rounds ({count} of "
        f"{len(curves)}), {statistics.mean(curve[-1][1] for curve in curves):.3f} at the end"
    )


def _code(cells: Cells) -> str:
    """The commits that the cells were trained with."""
    return "commit " + ", ".join(sorted({str(cell.get("commit") or "not noted") for cell in cells}))


def _difference(name: str, mine: Cells, theirs: Cells, *, judged: bool) -> Measure:
    alone = {who for cell in theirs for who in cell.get("unanswered", ())}
    gaps, distances = _gaps(mine, theirs, without=alone)
    seeds = gaps.shape[1]
    low, high = interval(gaps)
    said = (
        f"hybrid minus {name}, same patients and seeds; ahead in {(gaps.mean(axis=0) > 0).sum()} of {seeds} seeds and "
        f"{(gaps.mean(axis=1) > 0).sum()} of {len(gaps)} patients, {np.median(gaps.mean(axis=1)):+.3f} at the median "
        f"patient; HD95 of masks that both have {distances}; "
    )
    if alone:
        said += f"without {len(alone)} whose hospital has no other patient to train with; "
    if judged:
        return Measure(f"hybrid_minus_{name}", float(gaps.mean()), "Dice", runs=seeds, note=said + verdict(gaps))
    if seeds > 1:
        low, high = interval(gaps, of_seeds=True)
    over = "patients and seeds" if seeds > 1 else "patients"
    why = f"no verdict from {seeds} of {len(STUDY)} seeds" if name == TWIN else "unadjusted, no verdict"
    said += f"95 % over {over} {low:+.3f} to {high:+.3f}{_few_seeds(gaps, '+')}: {why}"
    return Measure(f"hybrid_minus_{name}", float(gaps.mean()), "Dice", runs=seeds, note=said)


def _gaps(mine: Cells, theirs: Cells, *, without: set[str]) -> tuple[Floats, str]:
    """Differences, shape (patients, seeds), and both medians of HD95 over the masks that both have."""
    (patients, ours), (others, other) = _table(mine), _table(theirs)
    common = sorted((set(patients) & set(others)) - without)
    gaps = ours[[patients.index(who) for who in common]] - other[[others.index(who) for who in common]]
    here, there = by_patient(mine, "hd95"), by_patient(theirs, "hd95")
    pairs = [(here[who][k], there[who][k]) for who in set(here) & set(there) for k in set(here[who]) & set(there[who])]
    if not pairs:
        return gaps, "none"
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    return gaps, f"{one:.1f} and {two:.1f} voxels"


def _silenced(cells: Cells) -> Measure:
    """What the model relies on, which is no benefit: a model without entanglement may rely on its circuit more."""
    lost = _table(cells)[1] - _table(cells, "silent")[1]
    low, high = interval(lost, of_seeds=lost.shape[1] > 1)
    models = [
        statistics.mean(value - cell["silent"][who] for who, value in cell["dice"].items()) for cell in cells
    ]  # fmt: skip
    note = (
        f"Dice lost when each wire gets its mean angle: reliance, not benefit; 95 % {low:.3f} to {high:.3f}; single "
        f"models {min(models):.3f} to {max(models):.3f} ({len(models)})"
    )
    return Measure("silenced_circuit", float(lost.mean()), "Dice", runs=lost.shape[1], note=note)


def _table(cells: Cells, key: str = "dice") -> tuple[list[str], Floats]:
    """Patients, and their values, shape (patients, seeds); of cells whose seeds are complete."""
    found = by_patient(cells, key)
    seeds = sorted({cell["seed"] for cell in cells})
    return list(found), np.array([[values[seed] for seed in seeds] for values in found.values()])
