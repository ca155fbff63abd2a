"""Whether the audited patients look like those the model is meant for: shares by attribute beside a declared target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audits.domain.verdict import Verdict
from federation.domain.data.dataset import UNKNOWN

Target = Mapping[str, Mapping[str, float]]
_SUM_TOLERANCE = 0.005


class TargetError(ValueError):
    """A declaration that cannot be read. The text says what was expected and what came."""


@dataclass(frozen=True)
class Share:
    """One group: its share of the audited patients whose group is known, with simultaneous bounds, and its target."""

    group: str
    n: int
    share: float
    lower: float
    upper: float
    target: float


@dataclass(frozen=True)
class Distance:
    """One attribute.

    Attributes
    ----------
    distance, lower, upper : total variation in [0, 1]
        0: the shares are as declared; 1: no audited patient belongs to a declared group. It is the share of patients
        that would have to be of other groups. Bounds hold for all attributes at once and allow for unknown groups.
    p : of the chi-square test that known patients come from the target; None where a declared share is 0 or nobody
        is known
    """

    attribute: str
    n: int
    unknown: int
    distance: float | None
    lower: float
    upper: float
    p: float | None
    shares: tuple[Share, ...]


def parse_target(text: str) -> dict[str, dict[str, float]]:
    """Read ``"sex: female 0.51, male 0.49; age_band: under 60 0.7, 60 and over 0.3"``.

    A group may hold spaces; the last word is its share. Shares of an attribute sum to 1.

    Raises
    ------
    TargetError
        On anything else.
    """
    out: dict[str, dict[str, float]] = {}
    for part in (piece.strip() for piece in text.split(";")):
        attribute, colon, listed = (piece.strip() for piece in part.partition(":"))
        if not (attribute and colon and listed):
            raise TargetError(f'expected "attribute: group share, group share", got {part!r}')
        if attribute in out:
            raise TargetError(f"expected each attribute once, got {attribute} twice")
        shares: dict[str, float] = {}
        for item in listed.split(","):
            group, share = _group(attribute, item.strip())
            if group in shares:
                raise TargetError(f"expected each group of {attribute} once, got {group} twice")
            shares[group] = share
        total = sum(shares.values())
        if abs(total - 1) > _SUM_TOLERANCE:
            raise TargetError(f"expected the shares of {attribute} to sum to 1, got {total:g}")
        out[attribute] = {group: share / total for group, share in shares.items()}
    return out


def _group(attribute: str, item: str) -> tuple[str, float]:
    group, _, number = item.rpartition(" ")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not group.strip() or not 0 <= share <= 1:
        raise TargetError(f'expected "group share" with a share from 0 to 1 in {attribute}, got {item!r}')
    if group.strip() == UNKNOWN:
        raise TargetError(f"expected declared groups of {attribute}, got {UNKNOWN!r}, which is no group")
    return group.strip(), share


def compare(
    counts: Mapping[str, Mapping[str, int]], target: Target, *, confidence: float, draws: int, seed: int
) -> tuple[Distance, ...]:
    """Distance of each declared attribute from its target, with bounds that hold for all attributes at once.

    Parameters
    ----------
    counts : attribute to group to audited patients; ``unknown`` where it is missing
    target : attribute to group to share, shares sum to 1

    Notes
    -----
    The distance seen differs from the true one by at most the distance between the shares seen and the true shares
    (triangle inequality), which is simulated. Patients whose group is unknown could be of any group, which widens the
    bounds by their share.
    """
    rng = np.random.default_rng(seed)
    groups = {name: sorted({*shares, *counts.get(name, {})} - {UNKNOWN}) for name, shares in target.items()}
    known = {name: np.array([counts.get(name, {}).get(g, 0) for g in groups[name]]) for name in target}
    assessed = [name for name in target if known[name].sum() > 0]
    reach, share_reach = _reaches({name: known[name] for name in assessed}, confidence, draws, rng)
    out = []
    for name, declared in target.items():
        n, unknown = int(known[name].sum()), counts.get(name, {}).get(UNKNOWN, 0)
        wanted = np.array([declared.get(group, 0.0) for group in groups[name]])
        if not n:
            out.append(Distance(name, 0, unknown, None, 0.0, 1.0, None, ()))
            continue
        seen = known[name] / n
        distance = float(np.abs(seen - wanted).sum() / 2)
        wide = reach[name] + unknown / (n + unknown)
        shares = tuple(
            Share(g, int(k), float(s), max(0.0, float(s - r)), min(1.0, float(s + r)), float(w))
            for g, k, s, r, w in zip(groups[name], known[name], seen, share_reach[name], wanted, strict=True)
        )
        lower, upper = max(0.0, distance - wide), min(1.0, distance + wide)
        out.append(Distance(name, n, unknown, distance, lower, upper, _chi_square(known[name], wanted), shares))
    return tuple(out)


def _reaches(
    known: Mapping[str, np.ndarray], confidence: float, draws: int, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """How far distances, and shares, may lie from the truth; at once over attributes, and over all their groups."""
    distances, deviations, errors = {}, {}, {}
    for name, counts in known.items():
        n = counts.sum()
        smoothed = (counts + 0.5) / (n + 0.5 * len(counts))  # a group without a patient may still exist
        drawn = rng.multinomial(n, smoothed, size=draws) / n
        distances[name] = np.abs(drawn - smoothed).sum(axis=1) / 2
        errors[name] = np.sqrt(smoothed * (1 - smoothed) / n)
        deviations[name] = (np.abs(drawn - smoothed) / np.maximum(errors[name], 1e-12)).max(axis=1)
    if not known:
        return {}, {}
    middle = {name: (float(d.mean()), float(d.std())) for name, d in distances.items()}
    largest = np.max([(d - middle[k][0]) / max(middle[k][1], 1e-12) for k, d in distances.items()], axis=0)
    at = float(np.quantile(largest, confidence, method="higher"))
    share_at = float(np.quantile(np.max(list(deviations.values()), axis=0), confidence, method="higher"))
    return {k: m + at * s for k, (m, s) in middle.items()}, {k: share_at * e for k, e in errors.items()}


def _chi_square(seen: np.ndarray, wanted: np.ndarray) -> float | None:
    from scipy.stats import chisquare

    if len(seen) < 2 or (wanted <= 0).any():
        return None
    return float(chisquare(seen, wanted * seen.sum()).pvalue)


def verdict_of(found: tuple[Distance, ...], threshold: float) -> Verdict:
    """FAIL if some distance is surely over the threshold, PASS if all are surely at most that.

    An attribute of which nobody's group is known keeps the audit from passing.
    """
    assessed = [row for row in found if row.distance is not None]
    if not assessed:
        return Verdict.NOT_ASSESSABLE
    if max(row.lower for row in assessed) > threshold:
        return Verdict.FAIL
    return Verdict.PASS if max(row.upper for row in found) <= threshold else Verdict.INCONCLUSIVE
