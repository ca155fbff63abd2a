"""How the framework runs a check: the same few steps at a site, on the platform, in a notebook and in tests.

Whatever a check does wrong costs that check alone: it becomes INCONCLUSIVE with its reason, and never a pass.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import AnswerError, Check, Direction, Gathered, NotMeasured, Parameter, Result
from audits.predeployment.checks.plain import plain
from audits.predeployment.checks.wording import named

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

NOT_MEASURED = "not_measured"
# Audit patients of a hospital: with fewer it may have too few for a check; with as many, abstaining costs the pass.
FEW = 20


class SettingError(ValueError):
    """A setting that a check does not have, or a value out of its range."""


def settings_of(check: Check, chosen: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All settings of a check: its defaults, and `chosen` in their place.

    Raises
    ------
    SettingError
        For an unknown name, a wrong type or a value out of range.
    """
    known = {parameter.name: parameter for parameter in check.parameters}
    chosen = dict(chosen or {})
    if strange := sorted(chosen.keys() - known.keys()):
        names = ", ".join(sorted(known)) or "none"
        raise SettingError(f"{check.id}: expected settings among {names}; got {', '.join(strange)}")
    return {name: _value(check, parameter, chosen.get(name, parameter.default)) for name, parameter in known.items()}


def tightened(check: Check, approved: Mapping[str, Any], name: str, value: Any) -> Any:
    """A value that whoever starts an audit may put in place of the approved one.

    Raises
    ------
    SettingError
        If the setting is unknown, fixed by the policy, or would become looser.
    """
    known = {parameter.name: parameter for parameter in check.parameters if parameter.tightens}
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise SettingError(f"{check.id}: expected a setting that may be tightened ({names}); got {name}")
    value = _value(check, known[name], value)
    down = known[name].tightens == "down"
    if value > approved[name] if down else value < approved[name]:
        side = "at most" if down else "at least"
        raise SettingError(f"{check.id}: expected {name} {side} {approved[name]:g}, as approved; got {value:g}")
    return value


def measure_at(check: Check, at: AtSite) -> dict[str, Any]:
    """The site's answer as plain JSON, or its reason for having none."""
    try:
        return plain(check.measure(at))
    except NotMeasured as absent:
        return {NOT_MEASURED: str(absent)}


def read_answer(check: Check, site: str, raw: Any, settings: Mapping[str, Any]) -> tuple[Any, str]:
    """What `read` makes of an answer, and "" or the site's reason for having measured nothing.

    Raises
    ------
    AnswerError
        Whatever goes wrong in reading: the text names the site and what was wrong.
    """
    if not isinstance(raw, Mapping):
        raise AnswerError(f"{site}: expected an answer with fields, got {type(raw).__name__}")
    if isinstance(raw.get(NOT_MEASURED), str):
        return None, raw[NOT_MEASURED]
    try:
        return check.read(site, raw, settings), ""
    except AnswerError as error:
        raise AnswerError(f"{site}: {error}") from error
    except Exception as error:
        raise AnswerError(f"{site}: the answer cannot be read ({type(error).__name__}: {error})") from error


def conclude(check: Check, gathered: Gathered, refused: Mapping[str, str] | None = None) -> Result:
    """The check's result; never an exception, and never a pass that its figures do not carry.

    Parameters
    ----------
    refused : mapping of site to str
        Sites whose worker failed, or whose answer could not be read, with their reason.
    """
    if gathered.task not in check.tasks:
        return Result(Verdict.NOT_APPLICABLE, (f"This check is for {' and '.join(check.tasks)} models only.",))
    if refused:
        reasons = "; ".join(f"{site}: {reason}" for site, reason in sorted(refused.items()))
        return _broken(check, f"It could not be measured everywhere. {reasons}.")
    if check.at_sites and not gathered.answers:
        reasons = "; ".join(f"{site}: {reason}" for site, reason in sorted(gathered.absent.items()))
        return _finished(check, Result(Verdict.NOT_ASSESSABLE, (f"No site could measure it. {reasons}".strip(),)))
    try:
        found = check.conclude(gathered)
        if not isinstance(found, Result):
            raise TypeError(f"expected a Result, got {type(found).__name__}")
        found = _without_silence(_guarded(check, found, gathered.settings), gathered)
        return _named(_finished(check, found), gathered.config)
    except Exception as error:  # noqa: BLE001 - one failing check never stops the others
        return _broken(check, f"The check failed: {type(error).__name__}: {error}")


def _named(found: Result, config: Mapping[str, Any]) -> Result:
    """What a reader sees calls the model beside the quantum one what it is; evidence keeps its keys."""
    parts = {name: named(getattr(found, name), config) for name in ("sentences", "change", "tables", "figures")}
    return replace(found, **parts)


def _broken(check: Check, reason: str) -> Result:
    change = "Mend what is named here, then audit again."
    return _finished(check, Result(Verdict.INCONCLUSIVE, (reason,), change=change, evidence={"error": reason}))


def _guarded(check: Check, found: Result, settings: Mapping[str, Any]) -> Result:
    """A pass needs a figure on the good side of the approved limit, bounds and all."""
    if found.verdict is not Verdict.PASS or check.limit is None:
        return found
    figures = [v for v in (found.value, found.lower, found.upper) if v is not None]
    if found.value is None or found.threshold is None or not all(math.isfinite(v) for v in figures):
        reason = "The check reported a pass without a figure and a limit, which is no pass."
    elif found.threshold != settings.get(check.limit.parameter, found.threshold):
        approved = settings[check.limit.parameter]
        reason = f"The check reported a pass against {found.threshold:g}, but {approved:g} is approved."
    else:
        at_most = check.limit.direction is Direction.AT_MOST
        worst = max(figures) if at_most else min(figures)
        if (worst <= found.threshold) if at_most else (worst >= found.threshold):
            return found
        reason = f"The check reported a pass, but {worst:g} is on the wrong side of {found.threshold:g}."
    return replace(found, verdict=Verdict.INCONCLUSIVE, sentences=(*found.sentences, reason), change="")


def _without_silence(found: Result, gathered: Gathered) -> Result:
    """Sites that measured nothing are named, and nothing passes while one of them has patients to be judged by."""
    said = " ".join(found.sentences)
    told = [f"{site} was not measured: {why}." for site, why in sorted(gathered.absent.items()) if why not in said]
    verdict, change = found.verdict, found.change
    hiding = sorted(site for site in gathered.absent if gathered.patients.get(site, 0) >= FEW)
    if hiding and verdict is Verdict.PASS:
        told.append(f"Without {', '.join(hiding)}, which has {FEW} patients or more for the audit, this is no pass.")
        verdict, change = Verdict.INCONCLUSIVE, f"It can pass once {', '.join(hiding)} is measured too."
    return replace(found, verdict=verdict, sentences=(*found.sentences, *told), change=change)


def _finished(check: Check, found: Result) -> Result:
    versions = {"python": platform.python_version(), **found.versions}
    for name in check.libraries:
        versions.setdefault(name, _version(name))
    return replace(found, versions=versions, change=found.change or _change(check, found))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed here"


def _change(check: Check, found: Result) -> str:
    """What would change the verdict, where the check does not say it itself."""
    limit = f"{found.threshold:g}" if found.threshold is not None else "its limit"
    at_most = check.limit is None or check.limit.direction is Direction.AT_MOST
    good, bad = ("at most", "over") if at_most else ("at least", "under")
    if found.verdict is Verdict.PASS:
        return f"It would no longer pass if the interval reached {bad} {limit}."
    if found.verdict is Verdict.FAIL:
        return f"It would pass if the whole interval were {good} {limit}: that takes another model, not more patients."
    if found.verdict is Verdict.INCONCLUSIVE:
        return f"More patients narrow the interval; it passes when all of it is {good} {limit}."
    if found.verdict is Verdict.NOT_ASSESSABLE:
        return "It can be measured once the missing data named here are there."
    return ""


def _value(check: Check, parameter: Parameter, value: Any) -> Any:
    kind = type(parameter.default)
    what = f"{check.id}: expected {parameter.name}"
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError as error:
            raise SettingError(f"{what} to be a number of usual size, got one too large") from error
    if type(value) is not kind:
        raise SettingError(f"{what} to be {_KINDS[kind]}, got {value!r}")
    if isinstance(value, str) and not value.isprintable():  # the database holds neither NUL nor half a character
        raise SettingError(f"{what} to be printable text on one line, got {value!r}")
    if parameter.choices and value not in parameter.choices:
        raise SettingError(f"{what} to be one of {', '.join(parameter.choices)}; got {value!r}")
    if not isinstance(value, str | bool):
        low, high = -math.inf if parameter.low is None else parameter.low, parameter.high
        if not low <= value <= (math.inf if high is None else high):
            raise SettingError(f"{what} from {low:g} to {'any number' if high is None else f'{high:g}'}, got {value!r}")
    return value


_KINDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
