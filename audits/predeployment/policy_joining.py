"""Two people's changes of one policy, in one: check by check. No Django here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.predeployment.policy_difference import Change, difference, installed


@dataclass(frozen=True)
class Clash:
    """A check that two people changed, each in their own way, since the policy that one of them began from.

    Attributes
    ----------
    theirs, mine : what each of them changed of it
    """

    check_id: str
    title: str
    theirs: tuple[Change, ...]
    mine: tuple[Change, ...]


@dataclass(frozen=True)
class Joined:
    """Both changes. `content` holds mine wherever there is a clash."""

    content: dict[str, Any]
    taken: tuple[str, ...]  # titles of the checks that only the other one changed
    clashes: tuple[Clash, ...]


def joined(base: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> Joined:
    """Join what two people made of the same policy (each in full form, see `policy.checked`).

    Parameters
    ----------
    base : what the second one began from
    theirs : what is in force now
    mine : what the second one proposes
    """
    checks: dict[str, Any] = {}
    taken, clashes = [], []
    for name in dict.fromkeys((*theirs["checks"], *mine["checks"])):
        before, now, wanted = (content["checks"].get(name) for content in (base, theirs, mine))
        chosen = now if wanted == before else wanted
        if now != before and wanted == before:
            taken.append(_title(name))
        elif now != before and wanted != now:
            clashes.append(Clash(name, _title(name), _changes(name, before, now), _changes(name, before, wanted)))
        if chosen is not None:
            checks[name] = chosen
    return Joined({**mine, "checks": checks}, tuple(taken), tuple(clashes))


def _title(name: str) -> str:
    check = installed(name)
    return check.title if check else name


def _changes(name: str, before: Any, after: Any) -> tuple[Change, ...]:
    old, new = ({"checks": {name: part} if part else {}} for part in (before, after))
    return tuple(difference(old, new))
