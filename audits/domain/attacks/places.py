"""Where a leak is looked for: at each site by itself, at small sites together, and over all of them.

200 patients who are given away at one hospital drown among 20,000 elsewhere, so the worst place decides. The bounds of
all places hold at once (Bonferroni: half of the error for everyone together, half evenly for the places), so many
hospitals make no good model fail by chance. Holm's procedure would fail the very same models, since the first of its
steps is Bonferroni's; it has no bounds to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

from audits.domain.attacks.membership import ScoreCounts, Separation, separation
from audits.domain.verdict import Verdict

LEAST = 30  # members, and others, of a place that is judged by itself
EVERYONE, SMALL = "all sites together", "small sites together"


@dataclass(frozen=True)
class Places:
    """Which sites are judged, and how.

    Attributes
    ----------
    judged : mapping of a place to its sites
        A site of at least `LEAST` members and others is a place; the smaller ones are one place, if they come to that.
    small : tuple of str
        Sites that are judged together with others alone.
    untestable : tuple of str
        Sites in no place: they count over all sites only.
    """

    judged: Mapping[str, tuple[str, ...]]
    small: tuple[str, ...]
    untestable: tuple[str, ...]

    @property
    def only_one(self) -> bool:
        """Whether a single site is all there is, so that everyone together is the same once more."""
        return not self.small and not self.untestable and len(self.judged) == 1


def places_of(patients: Mapping[str, tuple[int, int]]) -> Places:
    """Sort sites by how many members and others each has."""
    large = [site for site, sizes in sorted(patients.items()) if min(sizes) >= LEAST]
    rest = tuple(site for site in sorted(patients) if site not in large)
    judged = {site: (site,) for site in large}
    together = [sum(patients[site][kind] for site in rest) for kind in (0, 1)]
    if min(together) >= LEAST:
        return Places({**judged, SMALL: rest}, rest, ())
    return Places(judged, (), rest)


def separations(
    tables: Mapping[str, ScoreCounts], places: Places, *, delta: float, error: float
) -> dict[str, Separation | None]:
    """What one attack's scores show, over everyone and at each place.

    Parameters
    ----------
    tables : mapping of site to ScoreCounts
    delta : float, in [0, 1)
        See `membership.separation`.
    error : float, in (0, 1)
        Chance that any bound of one kind misses anywhere.

    Returns
    -------
    dict of `EVERYONE` and each judged place to Separation, or None where a half lacks members or others
    """
    everyone = reduce(add, tables.values(), ScoreCounts.empty())
    if places.only_one:
        whole = separation(everyone, delta=delta, confidence=1 - error)
        return {EVERYONE: whole, next(iter(places.judged)): whole}
    found = {EVERYONE: separation(everyone, delta=delta, confidence=1 - error / 2)}
    for place, sites in places.judged.items():
        table = reduce(add, (tables[site] for site in sites))
        found[place] = separation(table, delta=delta, confidence=1 - error / 2 / len(places.judged))
    return found


def verdict_over(shown: Iterable[Separation], *, max_advantage: float, max_tpr: float) -> Verdict:
    """FAIL if any place's lower bound is over a limit, PASS if no upper bound is: the worst place decides."""
    every = list(shown)
    if not every:
        return Verdict.NOT_ASSESSABLE
    if any(one.advantage_lower > max_advantage or one.tpr_lower > max_tpr for one in every):
        return Verdict.FAIL
    small = all(one.advantage_upper <= max_advantage and one.tpr_upper <= max_tpr for one in every)
    return Verdict.PASS if small else Verdict.INCONCLUSIVE
