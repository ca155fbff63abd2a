"""From finished cells to the rows of the comparison: means over patients, and intervals over patients."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.dice.cell import ENOUGH, rounds_to
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


def interval(values: NDArray[np.float64], *, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile interval of the mean over patients, who are drawn with all their seeds (a cluster each)."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def rows(cells: Cells, folds: Sequence[int], *, area: str = "dice") -> Iterator[Measure]:
    """A row for each way of training, with its difference to the hybrid on the same patients and seeds."""
    of = {name: [cell for cell in cells if cell["row"] == name] for name in dict.fromkeys(c["row"] for c in cells)}
    seeds = {name: complete_seeds(own, folds) for name, own in of.items()}
    for name, own in of.items():
        if not seeds[name]:
            continue
        yield _row(f"{area}.{name}", [cell for cell in own if cell["seed"] in seeds[name]])
        if name != REFERENCE and (both := sorted(set(seeds[name]) & set(seeds.get(REFERENCE, [])))):
            mine, theirs = ([c for c in of[n] if c["seed"] in both] for n in (REFERENCE, name))
            yield _difference(area, name, mine, theirs)
    silent = [cell for cell in of.get(REFERENCE, []) if cell["seed"] in seeds[REFERENCE]]
    if silent:
        yield _silenced(area, silent)


def _row(metric: str, cells: Cells) -> Measure:
    patients = _means(by_patient(cells))
    values = np.array(list(patients.values()))
    low, high = interval(values)
    by_seed = list(_by_seed(cells).values())
    far = [value for cell in cells for value in cell["hd95"].values()]
    missed = sum(len(cell["dice"]) for cell in cells) - len(far)
    said = (
        f"median {np.median(values):.3f}; 95 % over patients {low:.3f} to {high:.3f}; {len(values)} held-out patients, "
        f"{len(by_seed)} seeds; HD95 {statistics.median(far):.1f} voxels at the median, none for {missed} masks; "
    ) + _training([cell["curve"] for cell in cells if cell["curve"]])
    spread = (max(by_seed) - min(by_seed)) / statistics.mean(by_seed) if len(by_seed) > 1 else None
    return Measure(metric, float(values.mean()), "Dice", runs=len(by_seed), spread=spread, note=said)


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


def _difference(area: str, name: str, mine: Cells, theirs: Cells) -> Measure:
    ours, other = _means(by_patient(mine)), _means(by_patient(theirs))
    gaps = np.array([ours[patient] - other[patient] for patient in sorted(set(ours) & set(other))])
    low, high = interval(gaps)
    by_seed, of_other = _by_seed(mine), _by_seed(theirs)
    ahead = sum(by_seed[seed] > of_other[seed] for seed in by_seed)
    verdict = "the hybrid is better" if low > 0 else "the hybrid is worse" if high < 0 else "no difference shown"
    if len(by_seed) < ENOUGH_SEEDS:
        verdict = (
            f"no verdict from {len(by_seed)} of {ENOUGH_SEEDS} seeds: the interval does not cover another training"
        )
    note = (
        f"hybrid minus {name}, same patients and seeds; 95 % over patients {low:+.3f} to {high:+.3f}; "
        f"ahead in {ahead} of {len(by_seed)} seeds; {verdict}"
    )
    return Measure(f"{area}.hybrid_minus_{name}", float(gaps.mean()), "Dice", runs=len(by_seed), note=note)


def _silenced(area: str, cells: Cells) -> Measure:
    whole, without = _means(by_patient(cells)), _means(by_patient(cells, "silent"))
    lost = np.array([whole[patient] - without[patient] for patient in whole])
    low, high = interval(lost)
    note = f"Dice lost when each wire gets its mean angle; 95 % over patients {low:.3f} to {high:.3f}"
    return Measure(f"{area}.silenced_circuit", float(lost.mean()), "Dice", note=note)


def _by_seed(cells: Cells) -> dict[int, float]:
    """Seed to the mean over its patients."""
    return {
        seed: statistics.mean(_means(by_patient([cell for cell in cells if cell["seed"] == seed])).values())
        for seed in sorted({cell["seed"] for cell in cells})
    }


def _means(found: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    return {patient: statistics.mean(seeds.values()) for patient, seeds in found.items()}
