"""All subgroups that a few conditions can describe, as unions of cells: "female, under 60 or over 75, at north"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.groups import SITE, attributes_of
from federation.domain.data.dataset import UNKNOWN
from federation.domain.group_rates import Cell

ALL_SUBSETS_UP_TO = 4  # groups of an attribute; with more, one group or all but one
MOST = 8000  # subgroups; beyond, fewer attributes are crossed at a time

Conditions = Mapping[str, tuple[str, ...]]  # attribute to the groups that belong


@dataclass(frozen=True)
class Subgroups:
    """Distinct subgroups.

    Attributes
    ----------
    conditions : tuple of mapping
        What describes each; of several descriptions of the same cells the shortest.
    members : ndarray of bool, shape (n_subgroups, n_cells)
    crossed : int
        How many attributes are crossed at most.
    """

    conditions: tuple[Conditions, ...]
    members: NDArray[np.bool_]
    crossed: int


def words(conditions: Conditions) -> str:
    """The conditions as a reader would say them."""
    return ", ".join(f"{name} = {' or '.join(groups)}" for name, groups in conditions.items())


def subgroups(cells: Sequence[Cell], *, most: int = MOST) -> Subgroups:
    """Every subgroup of some groups of some attributes, the site included.

    Patients whose group is unknown belong to no subgroup that their attribute describes. Where there would be more than
    `most`, fewer attributes are crossed at a time, but always at least two.
    """
    columns = {name: [cell.attributes.get(name, UNKNOWN) for cell in cells] for name in attributes_of(cells)}
    columns[SITE] = [cell.site for cell in cells]
    options = {name: found for name, column in columns.items() if (found := _options(name, column))}
    crossed = len(options)
    while crossed > 2 and _count([len(found) for found in options.values()], crossed) > most:
        crossed -= 1
    conditions: list[Conditions] = []
    rows: list[NDArray[np.bool_]] = []
    seen: set[bytes] = set()
    for depth in range(1, crossed + 1):  # short descriptions first
        for names in combinations(options, depth):
            for described, members in _products([options[name] for name in names], len(cells)):
                key = np.packbits(members).tobytes()
                if members.any() and not members.all() and key not in seen:
                    seen.add(key)
                    conditions.append(dict(zip(names, described, strict=True)))
                    rows.append(members)
    members = np.array(rows, dtype=bool).reshape(len(rows), len(cells))
    return Subgroups(tuple(conditions), members, crossed)


def _options(name: str, column: Sequence[str]) -> list[tuple[tuple[str, ...], NDArray[np.bool_]]]:
    """Sets of groups of one attribute that a condition may name, with the cells that they hold."""
    groups = sorted(set(column) - ({UNKNOWN} if name != SITE else set()))
    if len(groups) < 2:
        return []
    sizes = range(1, len(groups)) if len(groups) <= ALL_SUBSETS_UP_TO else (1, len(groups) - 1)
    values = np.array(column, dtype=object)
    chosen = [subset for size in sizes for subset in combinations(groups, size)]
    return [(subset, np.isin(values, subset)) for subset in chosen]


def _count(sizes: Sequence[int], crossed: int) -> int:
    """Descriptions that cross at most so many attributes."""
    by_depth = [1] + [0] * len(sizes)
    for size in sizes:
        for depth in range(len(sizes), 0, -1):
            by_depth[depth] += by_depth[depth - 1] * size
    return sum(by_depth[1 : crossed + 1])


def _products(
    options: Sequence[Sequence[tuple[tuple[str, ...], NDArray[np.bool_]]]], n_cells: int
) -> list[tuple[tuple[tuple[str, ...], ...], NDArray[np.bool_]]]:
    found: list[tuple[tuple[tuple[str, ...], ...], NDArray[np.bool_]]] = [((), np.ones(n_cells, dtype=bool))]
    for own in options:
        found = [((*said, subset), members & more) for said, members in found for subset, more in own]
    return found
