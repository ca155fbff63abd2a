"""What the live monitor of a deployment will compare: declared when its use is requested, and approved with the rest.

The keys are those of `audits.domain.monitor.policy.MonitorPolicy`. A higher floor, which knows how a monitor works,
adds to the policy of each new request, and refuses what cannot work (`extend_policies`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

from django.utils.translation import gettext as _

from core.errors import ApplicationError
from models_registry.models import Version

DETECTORS = ("betting", "e_sr")  # the first one keeps the promise of alpha, the second finds what begins late
SELECTION, CALIBRATION = "selection_rate", "calibration"
MOST_CROSSED = 12  # intersections of two attributes: each pair of them is a stream of every metric
CROSS = " × "  # as in audits.domain.monitor.policy
CHOICES = ("advisory", "detectors", "intersections")  # what a requester may choose beside the numbers

Counts = Mapping[str, Mapping[str, int]]
Extension = Callable[[Version, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
_extensions: list[Extension] = []


def extend_policies(extension: Extension) -> None:
    """Let a higher floor add to the policy of each new request, or refuse it.

    It is given the version, the policy so far and what the requester chose, and returns what it adds.
    """
    if extension not in _extensions:
        _extensions.append(extension)


def watched(version: Version, policy: Mapping[str, Any], counts: Counts, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with what the monitor watches: metrics, those that only warn, groups and intersections.

    Parameters
    ----------
    policy : mapping
        With the metrics that halt, and the smallest numbers of patients that are compared.
    counts : attribute to group to its patients over all sites
    chosen : mapping
        What the requester chose.

    Raises
    ------
    ApplicationError
        Naming what was expected, if a choice cannot be.
    """
    possible = [SELECTION, CALIBRATION] if version.config["task"] == "classification" else [SELECTION]
    full = {**policy, "metrics": [*policy["metrics"], *possible], "advisory": possible}
    for name, choices in (("advisory", possible), ("detectors", DETECTORS)):
        if name in chosen:
            full[name] = _some_of(name, chosen[name], choices)
    full |= _compared(full, counts, chosen.get("intersections"))
    for extension in _extensions:
        full |= extension(version, full, chosen)
    return full


def _compared(policy: Mapping[str, Any], counts: Counts, wanted: Any) -> dict[str, Any]:
    """The groups and the intersections that are large enough to be compared, and which are not."""
    groups: dict[str, list[str]] = {}
    small: list[str] = []
    for attribute, found in counts.items():
        kept = sorted(name for name, n in found.items() if n >= policy["min_group"])
        small += [f"{attribute} = {name} ({n})" for name, n in sorted(found.items()) if n < policy["min_group"]]
        if len(kept) > 1:
            groups[attribute] = kept
    pairs = list(combinations(sorted(groups), 2)) if wanted is None else _checked_parts(wanted, groups)
    crossed = {}
    for parts in pairs:
        names = sorted(_crossed(parts, groups, counts, policy["min_crossed"]))
        if len(names) > 1 and (wanted is not None or len(names) <= MOST_CROSSED):
            crossed[CROSS.join(parts)] = names
    return {"groups": {**groups, **crossed}, "not_compared": small}


def _crossed(parts: Sequence[str], groups: Mapping[str, Sequence[str]], counts: Counts, least: int) -> Iterator[str]:
    """Intersections with enough patients, estimated as if their parts were independent."""
    totals = {part: sum(counts[part].values()) for part in parts}
    for names in product(*(groups[part] for part in parts)):
        shares = [counts[part][name] / totals[part] for part, name in zip(parts, names, strict=True)]
        if prod(shares) * min(totals.values()) >= least:
            yield CROSS.join(names)


def _checked_parts(wanted: Any, groups: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """What the requester wants crossed."""
    expected = f"expected lists of two or three attributes among {', '.join(sorted(groups)) or 'none'}"
    if not isinstance(wanted, list):
        raise ApplicationError(
            _("Policy intersections: %(expected)s; got %(wanted)s.") % {"expected": expected, "wanted": f"{wanted!r}"}
        )
    found = set()
    for parts in wanted:
        names = parts if isinstance(parts, list) else []
        known = all(isinstance(name, str) and name in groups for name in names)
        if not (known and 2 <= len(names) <= 3 and len(set(names)) == len(names)):
            raise ApplicationError(
                _("Policy intersections: %(expected)s; got %(parts)s.") % {"expected": expected, "parts": f"{parts!r}"}
            )
        found.add(tuple(sorted(names)))
    return sorted(found)


def _some_of(key: str, value: Any, possible: Sequence[str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name in possible for name in value):
        raise ApplicationError(
            _("Policy %(key)s: expected a list of some of %(possible)s; got %(value)s.")
            % {"key": key, "possible": ", ".join(possible), "value": f"{value!r}"}
        )
    return sorted(set(value), key=list(possible).index)
