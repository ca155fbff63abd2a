"""From finished cells to the rows of the comparison: means over patients, and intervals over patients."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.dice.cell import ENOUGH, rounds_to
from benchmarks.dice.plans import LONG
from benchmarks.frame import Measure

DRAWS = 10_000
REFERENCE = "hybrid_unet"
ENOUGH_SEEDS = 10  # under so many, an interval over patients says nothing about another training
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


def interval(
    values: NDArray[np.float64], *, of_seeds: bool = False, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of values, shape (patients, seeds).

    Patients are drawn with all their seeds (a cluster each): what other patients would have shown. `of_seeds`: seeds
    are drawn as well, with all their patients, so that it also covers what other trainings would have shown.
    """
    rng = np.random.default_rng(seed)
    patients, seeds = values.shape
    drawn = rng.multinomial(patients, np.full(patients, 1 / patients), size=DRAWS) / patients @ values
    shares = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS) / seeds if of_seeds else 1 / seeds
    low, high = np.quantile((drawn * shares).sum(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def rows(cells: Cells, folds: Sequence[int], *, rounds: int = LONG) -> Iterator[Measure]:
    """A row for each way of training, with its difference to the hybrid on the same patients and seeds.

    The longer budget has the names of the contract (`dice.hybrid_unet`), the other ones their rounds behind them.
    """
    for row in _rows(cells, folds):
        ending = "" if rounds == LONG else f".{rounds}_rounds"
        yield replace(row, metric=f"dice.{row.metric}{ending}", note=f"{rounds} rounds; {row.note}")


def _rows(cells: Cells, folds: Sequence[int]) -> Iterator[Measure]:
    of = {name: [cell for cell in cells if cell["row"] == name] for name in dict.fromkeys(c["row"] for c in cells)}
    seeds = {name: complete_seeds(own, folds) for name, own in of.items()}
    for name, own in of.items():
        if not seeds[name]:
            continue
        yield _row(name, [cell for cell in own if cell["seed"] in seeds[name]])
        if name != REFERENCE and (both := sorted(set(seeds[name]) & set(seeds.get(REFERENCE, [])))):
            mine, theirs = ([c for c in of[n] if c["seed"] in both] for n in (REFERENCE, name))
            yield _difference(name, mine, theirs)
    silent = [cell for cell in of.get(REFERENCE, []) if cell["seed"] in seeds[REFERENCE]]
    if silent:
        yield _silenced(silent)


def _row(name: str, cells: Cells) -> Measure:
    _, table = _table(cells)
    values, by_seed = table.mean(axis=1), table.mean(axis=0)
    low, high = interval(table)
    far = [value for cell in cells for value in cell["hd95"].values()]
    missed = sum(len(cell["dice"]) for cell in cells) - len(far)
    said = (
        f"median {np.median(values):.3f}; 95 % over patients {low:.3f} to {high:.3f}; {len(values)} held-out patients, "
        f"{len(by_seed)} seeds; HD95 {statistics.median(far):.1f} voxels at the median, none for {missed} masks; "
    ) + _training([cell["curve"] for cell in cells if cell["curve"]])
    spread = float(np.ptp(by_seed) / by_seed.mean()) if len(by_seed) > 1 else None
    return Measure(name, float(values.mean()), "Dice", runs=len(by_seed), spread=spread, note=said)


def _training(curves: Sequence[list[list[float]]]) -> str:
    """When the training patients were learned: to a Dice of 0.9, and to nine tenths of what was learned at last."""
    if not curves:
        return "training not watched"
    reached = [number for curve in curves if (number := rounds_to(curve)) is not None]
    most = statistics.median(rounds_to(curve, ENOUGH * curve[-1][1]) or curve[-1][0] for curve in curves)
    rounds = f"{statistics.median(reached):g}" if reached else "never"
    return (
        f"training Dice {ENOUGH} after {rounds} rounds ({len(reached)} of {len(curves)}), "
        f"{statistics.mean(curve[-1][1] for curve in curves):.3f} at the end, {ENOUGH:.0%} of it after {most:g} rounds"
    )


def _difference(name: str, mine: Cells, theirs: Cells) -> Measure:
    (patients, ours), (others, other) = _table(mine), _table(theirs)
    common = sorted(set(patients) & set(others))
    gaps = ours[[patients.index(who) for who in common]] - other[[others.index(who) for who in common]]
    seeds = gaps.shape[1]
    low, high = interval(gaps)
    said = (
        f"hybrid minus {name}, same patients and seeds; 95 % over patients {low:+.3f} to {high:+.3f}; "
        f"ahead in {(gaps.mean(axis=0) > 0).sum()} of {seeds} seeds; "
    )
    if seeds < ENOUGH_SEEDS:
        said += f"no verdict from {seeds} of {ENOUGH_SEEDS} seeds: the interval does not cover another training"
    else:
        low, high = interval(gaps, of_seeds=True)
        verdict = "the hybrid is better" if low > 0 else "the hybrid is worse" if high < 0 else "no difference shown"
        said += f"95 % over patients and seeds {low:+.3f} to {high:+.3f}: {verdict}"
    return Measure(f"hybrid_minus_{name}", float(gaps.mean()), "Dice", runs=seeds, note=said)


def _silenced(cells: Cells) -> Measure:
    lost = _table(cells)[1] - _table(cells, "silent")[1]
    low, high = interval(lost)
    note = f"Dice lost when each wire gets its mean angle; 95 % over patients {low:.3f} to {high:.3f}"
    return Measure("silenced_circuit", float(lost.mean()), "Dice", note=note)


def _table(cells: Cells, key: str = "dice") -> tuple[list[str], NDArray[np.float64]]:
    """Patients, and their values, shape (patients, seeds); of cells whose seeds are complete."""
    found = by_patient(cells, key)
    seeds = sorted({cell["seed"] for cell in cells})
    return list(found), np.array([[values[seed] for seed in seeds] for values in found.values()])
