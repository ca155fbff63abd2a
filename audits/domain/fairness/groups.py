"""Which groups of patients are compared, and which are too small to be.

A *family* is one attribute, the attribute ``site``, a pair of these, or all attributes of the patients at once. Groups
are compared within a family only. Every group is a union of disjoint cells, kept as a row of a 0/1 matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import UNKNOWN
from federation.domain.group_rates import Cell, Sums

SITE = "site"
JOIN = " × "
POOLED = "other (pooled)"


@dataclass(frozen=True)
class Group:
    """A union of cells. `members` has one boolean for each cell.

    `within` names the site whose patients it holds, where an attribute is crossed with the sites.
    """

    family: str
    name: str
    members: NDArray[np.bool_]
    unknown: bool
    within: str | None = None

    def compares_with(self, other: Group) -> bool:
        """Whether the two are held against each other.

        Women of one hospital with men of another would mix what the groups differ in with what the hospitals differ in;
        hospitals are a family of their own, and groups are compared within each.
        """
        return self.within == other.within


@dataclass(frozen=True)
class SmallGroup:
    """A group with too few patients for one metric: compared only inside a pool, or not at all."""

    attribute: str
    group: str
    metric: str
    n: int
    needed: int
    pooled: bool

    @property
    def sentence(self) -> str:
        fate = f'it is compared as part of "{POOLED}"' if self.pooled else "it is not compared"
        count = f"{self.n} patients count for {self.metric}, {self.needed} are needed"
        return f"{self.attribute} = {self.group}: {count}; {fate}."

    def as_dict(self) -> dict:
        return {
            "attribute": self.attribute,
            "group": self.group,
            "metric": self.metric,
            "n": self.n,
            "needed": self.needed,
            "pooled": self.pooled,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class SiteNotAssessable:
    """A site with too few patients to stand beside the others. Its patients still count in every other group."""

    site: str
    n: int
    needed: int

    @property
    def sentence(self) -> str:
        return (
            f"Site {self.site} brought {self.n} patients, {self.needed} are needed to compare a site; "
            "its patients count in the other groups, the site itself is not assessable."
        )

    def as_dict(self) -> dict:
        return {"site": self.site, "n": self.n, "needed": self.needed, "sentence": self.sentence}


@dataclass(frozen=True)
class Comparable:
    """The groups of one family that are large enough for one metric, and those that are not."""

    groups: tuple[Group, ...]
    small: tuple[SmallGroup, ...]


def attributes_of(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Every attribute that any site reports, in alphabetical order."""
    return tuple(sorted({name for cell in cells for name in cell.attributes}))


def by_site(family: str) -> bool:
    """Whether a family compares sites, or groups of patients at one site with others."""
    return SITE in family.split(JOIN)


def families(cells: Sequence[Cell]) -> dict[str, tuple[Group, ...]]:
    """All groups of all families. A site that does not record an attribute has it ``unknown``.

    Attributes first, then their pairs, all of them crossed, each crossed with the sites (if several; compared within a
    site), and the sites.
    """
    names = attributes_of(cells)
    column = {name: [cell.attributes.get(name, UNKNOWN) for cell in cells] for name in names}
    column[SITE] = [cell.site for cell in cells]
    crossed: list[tuple[str, ...]] = [(name,) for name in names] + list(combinations(names, 2))
    crossed += [names] if len(names) > 2 else []
    crossed += [(name, SITE) for name in names] if len(set(column[SITE])) > 1 else []
    crossed.append((SITE,))
    return {JOIN.join(parts): _groups(parts, [column[part] for part in parts]) for parts in crossed}


def _groups(parts: Sequence[str], columns: Sequence[Sequence[str]]) -> tuple[Group, ...]:
    labels = list(zip(*columns, strict=True))
    family, out = JOIN.join(parts), []
    for label in sorted(set(labels)):
        members = np.fromiter((own == label for own in labels), dtype=bool, count=len(labels))
        unknown = any(part != SITE and value == UNKNOWN for part, value in zip(parts, label, strict=True))
        within = label[-1] if len(parts) > 1 and parts[-1] == SITE else None
        out.append(Group(family, JOIN.join(label), members, unknown, within))
    return tuple(out)


def comparable(groups: Sequence[Group], counts: NDArray[np.int64], *, metric: str, min_count: int) -> Comparable:
    """Split one family into groups that can be compared on a metric and groups that cannot.

    Parameters
    ----------
    groups : groups of one family; unknown groups are left out
    counts : ndarray of int, shape (n_cells,)
        Patients for whom the metric is defined, by cell.
    min_count : int
        The fewest patients a compared group may have. Smaller ones are pooled into one group if the pool is large
        enough. What compares sites is never pooled: "all small hospitals" answers to nobody.
    """
    known = [group for group in groups if not group.unknown]
    large = [group for group in known if int(counts[group.members].sum()) >= min_count]
    small = [group for group in known if int(counts[group.members].sum()) < min_count]
    if not small:
        return Comparable(tuple(large), ())
    family = small[0].family
    members = np.any([group.members for group in small], axis=0)
    pooled = not by_site(family) and int(counts[members].sum()) >= min_count
    if pooled:
        large.append(Group(family, POOLED, members, False))
    listed = tuple(
        SmallGroup(family, group.name, metric, int(counts[group.members].sum()), min_count, pooled) for group in small
    )
    return Comparable(tuple(large), listed)


def small_sites(cells: Sequence[Cell], *, min_patients: int) -> tuple[SiteNotAssessable, ...]:
    """Sites with fewer patients than `min_patients`."""
    patients: dict[str, int] = {}
    for cell in cells:
        patients[cell.site] = patients.get(cell.site, 0) + cell.n
    return tuple(SiteNotAssessable(site, n, min_patients) for site, n in sorted(patients.items()) if n < min_patients)


def sums_of(cells: Sequence[Cell], group: Group, metric: str) -> Sums:
    """The sums of a metric over the cells of a group."""
    total = Sums(0, 0.0, 0.0)
    for cell, member in zip(cells, group.members, strict=True):
        if member and metric in cell.metrics:
            total = total + cell.metrics[metric]
    return total
