"""How unlike the sites are, from counts that they have released already; no data is looked at.

References
----------
.. [1] Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Information Theory 37 (1991).
.. [2] Hellinger, "Neue Begründung der Theorie quadratischer Formen", J. reine angew. Mathematik 136 (1909).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from federation.domain.cells import MIN_CELL

POOLED = "small groups together"


@dataclass(frozen=True)
class Unlike:
    """One site against all the others together.

    Attributes
    ----------
    site : str
    n : int
        Patients counted.
    jensen_shannon : float or None
        Distance, 0 (the same shares) to 1 (nothing in common); None where a cell is too small to speak of.
    hellinger : float or None
        The same by another measure, which weighs rare groups more.
    """

    site: str
    n: int
    jensen_shannon: float | None
    hellinger: float | None


def against_the_rest(counts: Mapping[str, Mapping[str, int]], *, min_cell: int = MIN_CELL) -> list[Unlike]:
    """Each site's shares against those of the others together.

    Parameters
    ----------
    counts : {site: {group: patients}}
    min_cell : int, 1 or more
        A group with fewer patients than this at any site, but some, is pooled with the other small ones.

    Returns
    -------
    list of Unlike
        In the order of the sites' codes. None in place of a distance for a site whose pooled cell is still too small,
        or that has no patient, or that is the only one.
    """
    pooled = pool_small(counts, min_cell=min_cell)
    out = []
    for site in sorted(pooled):
        own, rest = pooled[site], _sum([pooled[other] for other in pooled if other != site])
        n = sum(own.values())
        if not n or not sum(rest.values()) or any(0 < count < min_cell for count in own.values()):
            out.append(Unlike(site, n, None, None))
            continue
        names = sorted({*own, *rest})
        p, q = _shares(own, names), _shares(rest, names)
        out.append(Unlike(site, n, jensen_shannon(p, q), hellinger(p, q)))
    return out


def pool_small(counts: Mapping[str, Mapping[str, int]], *, min_cell: int = MIN_CELL) -> dict[str, dict[str, int]]:
    """The same groups at every site, those that are too small at one of them put together."""
    names = sorted({name for groups in counts.values() for name in groups})
    small = {name for name in names if any(0 < groups.get(name, 0) < min_cell for groups in counts.values())}
    out = {}
    for site, groups in counts.items():
        out[site] = {name: groups.get(name, 0) for name in names if name not in small}
        if small:
            out[site][POOLED] = sum(groups.get(name, 0) for name in small)
    return out


def jensen_shannon(p: list[float], q: list[float]) -> float:
    """Square root of the divergence in bits: a metric from 0 to 1 [1]_."""
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return math.sqrt(max(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2))


def hellinger(p: list[float], q: list[float]) -> float:
    """From 0 to 1 [2]_."""
    return math.sqrt(sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(p, q, strict=True)) / 2)


def _relative_entropy(p: list[float], q: list[float]) -> float:
    return sum(a * math.log2(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def _shares(groups: Mapping[str, int], names: list[str]) -> list[float]:
    total = sum(groups.values())
    return [groups.get(name, 0) / total for name in names]


def _sum(parts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(part.get(name, 0) for part in parts) for name in {n for part in parts for n in part}}
