"""What a proposed policy changes: check by check, and whether it asks more of a model or less. No Django here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audits.predeployment.checks.base import Check, Direction, Parameter
from audits.predeployment.checks.registry import UnknownCheck, check_of
from audits.predeployment.policy import Decides

_RANK = {None: 0, Decides.INFORMS: 1, Decides.REFUTES: 2, Decides.CERTIFIES: 3}
WORDS = {Decides.CERTIFIES: "must pass", Decides.REFUTES: "a fail decides", Decides.INFORMS: "informs"}


class Effect(StrEnum):
    """What a change does to what is asked of a model."""

    TIGHTER = "tighter"
    LOOSER = "looser"
    OTHER = "changed"  # it cannot be said from the setting alone


@dataclass(frozen=True)
class Change:
    """One line of the difference. `before` and `after` are None where there is nothing."""

    check_id: str
    title: str
    what: str
    before: Any
    after: Any
    effect: Effect


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every change between two policies in full form (`policy.checked`), in the order of the newer one.

    What decides more, and a limit moved to its strict side, is tighter; the contrary is looser. A check that only
    informs and is left out is looser as well: nobody would see any more what it finds.
    """
    old, new = before["checks"], after["checks"]
    return [line for name in dict.fromkeys((*new, *old)) for line in _of_check(name, old.get(name), new.get(name))]


def installed(name: str) -> Check | None:
    """The check, or None if it is not installed here or does not load."""
    try:
        return check_of(name)
    except (UnknownCheck, ImportError):
        return None


def direction_of(check: Check, parameter: Parameter) -> str:
    """The strict side of a setting: "down", "up", or "" if neither is."""
    if check.limit is not None and check.limit.parameter == parameter.name:
        return "down" if check.limit.direction is Direction.AT_MOST else "up"
    return parameter.tightens


def _of_check(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Change]:
    check = installed(name)
    title = check.title if check else name
    was, now = (Decides(part["decides"]) if part else None for part in (old, new))
    if was is not now:
        effect = Effect.TIGHTER if _RANK[now] > _RANK[was] else Effect.LOOSER
        yield Change(name, title, "Decides", was and WORDS[was], now and WORDS[now], effect)
    if old is None or new is None:
        return
    yield from _of_tiers(name, title, set(old["tiers"]), set(new["tiers"]))
    for setting in dict.fromkeys((*new["settings"], *old["settings"])):
        a, b = old["settings"].get(setting), new["settings"].get(setting)
        if a != b or type(a) is not type(b):
            yield Change(name, title, setting, a, b, _effect(check, setting, a, b))


def _of_tiers(name: str, title: str, was: set[str], now: set[str]) -> Iterator[Change]:
    if was != now:
        effect = Effect.TIGHTER if now > was else Effect.LOOSER if now < was else Effect.OTHER
        yield Change(name, title, "Tiers", ", ".join(sorted(was)), ", ".join(sorted(now)), effect)


def _effect(check: Check | None, setting: str, before: Any, after: Any) -> Effect:
    parameter = next((p for p in check.parameters if p.name == setting), None) if check else None
    side = direction_of(check, parameter) if check and parameter else ""
    if not side or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in (before, after)):
        return Effect.OTHER
    return Effect.TIGHTER if (after < before) is (side == "down") else Effect.LOOSER
