"""Paired measurements by case, attribute and group: which of them may leave a site, and how they travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.paired import LEAST, PairedSums, Scores

EVERYONE = ("", "")  # attribute and group of all patients together
Key = tuple[str, str, str]  # case, attribute, group


def shareable(
    groups: Mapping[str, NDArray[np.str_]], n: int, least: int = LEAST
) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Which patients to sum over: everyone, and each group that is large enough to leave the site.

    If the groups left out hold fewer than `least` patients together, the smallest kept one is left out too: otherwise
    they could be had by subtraction. None at all is returned for fewer than `least` patients.
    """
    if n < least:
        return {}
    out = {EVERYONE: np.ones(n, dtype=bool)}
    for attribute, values in sorted(groups.items()):
        sizes = {str(name): int((values == name).sum()) for name in np.unique(values)}
        kept = sorted((name for name, size in sizes.items() if size >= least), key=lambda name: (-sizes[name], name))
        if kept and 0 < n - sum(sizes[name] for name in kept) < least:
            kept.pop()
        out |= {(attribute, name): values == name for name in sorted(kept)}
    return out


def pair_up(
    case: str, first: Scores, second: Scores, parts: Mapping[tuple[str, str], NDArray[np.bool_]]
) -> dict[Key, PairedSums]:
    """The sums of one comparison for each part of the patients."""
    return {(case, *name): PairedSums.of(first[rows], second[rows]) for name, rows in parts.items()}


def to_rows(sums: Mapping[Key, PairedSums]) -> list[list[Any]]:
    """Plain JSON."""
    return [[*key, *value.as_list()] for key, value in sorted(sums.items())]


def from_rows(rows: Iterable[Any], *, patients: int, cases: Iterable[str]) -> dict[Key, PairedSums]:
    """Read what `to_rows` wrote, with suspicion.

    Raises
    ------
    ValueError
        For sums that no patients can have, more patients than the site brought, a part twice, or cases other than
        exactly `cases`.
    """
    out: dict[Key, PairedSums] = {}
    for row in rows:
        case, attribute, group, *values = row
        key = (str(case), str(attribute), str(group))
        found = PairedSums.from_list(values)
        expected = patients if key[1:] == EVERYONE else min(found.n, patients)
        if key in out or found.n != expected:
            raise ValueError(f"{' '.join(key).strip()}: expected one row of {expected} patients, got {found.n}")
        out[key] = found
    asked, came = set(cases), {key[0] for key in out if key[1:] == EVERYONE}
    if asked != came or {key[0] for key in out} != came:
        raise ValueError(f"expected the cases {sorted(asked)}, got {sorted({key[0] for key in out})}")
    return out


def merged(tables: Iterable[Mapping[Key, PairedSums]]) -> dict[Key, PairedSums]:
    """The sums over all sites."""
    out: dict[Key, PairedSums] = {}
    for table in tables:
        for key, sums in table.items():
            out[key] = out[key] + sums if key in out else sums
    return out
