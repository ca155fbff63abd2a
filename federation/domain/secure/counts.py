"""Cells of group rates as a vector of numbers, the same at every site, so that they can be summed under masks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.group_rates import Cell, Sums

MOST_CELLS = 4096
CONFUSION = ("tp", "fp", "tn", "fn")
ALL_SITES = "all"  # the site of a summed cell


@dataclass(frozen=True)
class CellLayout:
    """Every combination of the groups of some attributes, in one order.

    Attributes
    ----------
    groups : attribute and its groups, both sorted
    metrics : of `group_rates`, in order
    """

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    metrics: tuple[str, ...]

    @classmethod
    def of(cls, manifests: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> CellLayout:
        """From the groups that the sites' manifests name."""
        found: dict[str, set[str]] = {}
        for manifest in manifests:
            for attribute, counts in manifest["groups"].items():
                found.setdefault(attribute, set()).update(counts)
        return cls.from_list([[name, sorted(values)] for name, values in sorted(found.items())], metrics)

    @classmethod
    def from_list(cls, raw: Sequence[Sequence], metrics: Sequence[str]) -> CellLayout:
        """Raises ValueError beyond `MOST_CELLS` cells or for groups out of order."""
        groups = tuple((str(name), tuple(map(str, values))) for name, values in raw)
        sizes = int(np.prod([len(values) for _, values in groups], dtype=np.int64))
        sorted_ = all(list(values) == sorted(set(values)) for _, values in groups) and list(groups) == sorted(groups)
        if not sorted_ or not 1 <= sizes <= MOST_CELLS:
            raise ValueError(f"expected sorted groups of 1 to {MOST_CELLS} combinations, got {sizes}")
        return cls(groups, tuple(metrics))

    def as_list(self) -> list[list]:
        return [[name, list(values)] for name, values in self.groups]

    @property
    def _keys(self) -> list[tuple[str, ...]]:
        return list(itertools.product(*(values for _, values in self.groups)))

    @property
    def width(self) -> int:
        """Numbers of a cell: patients, three sums a metric, the confusion."""
        return 1 + 3 * len(self.metrics) + len(CONFUSION)

    @property
    def size(self) -> int:
        return self.width * len(self._keys)

    def flatten(self, cells: Sequence[Cell]) -> NDArray[np.float64]:
        """Raises ValueError for a cell that the layout has no place for."""
        places = {key: place for place, key in enumerate(self._keys)}
        out = np.zeros((len(places), self.width))
        for cell in cells:
            key = tuple(cell.attributes.get(name, "") for name, _ in self.groups)
            if key not in places or len(cell.attributes) != len(self.groups):
                raise ValueError(f"expected groups of {self.groups}, got {dict(cell.attributes)}")
            sums = [cell.metrics.get(metric, Sums(0, 0.0, 0.0)) for metric in self.metrics]
            numbers = [cell.n, *(x for s in sums for x in (s.n, s.total, s.total_sq))]
            out[places[key]] += [*numbers, *(cell.confusion[name] for name in CONFUSION)]
        return out.ravel()

    def cells(self, summed: NDArray[np.float64]) -> list[Cell]:
        """The cells of all counted sites together; counts are whole again, empty cells are left out."""
        found = []
        for key, row in zip(self._keys, summed.reshape(-1, self.width), strict=True):
            n = round(row[0])
            if n < 1:
                continue
            metrics = {}
            for place, metric in enumerate(self.metrics):
                count, total, squares = row[1 + 3 * place : 4 + 3 * place]
                metrics[metric] = Sums(round(count), min(max(total, 0.0), count), min(max(squares, 0.0), count))
            confusion = {name: round(value) for name, value in zip(CONFUSION, row[-4:], strict=True)}
            attributes = {name: value for (name, _), value in zip(self.groups, key, strict=True)}
            found.append(Cell(ALL_SITES, attributes, n, metrics, confusion))
        return found
