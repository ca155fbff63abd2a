"""From the period's facts to the whole report."""

from typing import Any

import msgspec

from .controls import derive_controls
from .findings import summarise
from .schema import Facts
from .validation import parse_facts


def complete(facts: dict[str, Any]) -> dict[str, Any]:
    """The report as plain JSON: the facts plus control mapping and summary, both derived from them.

    Parameters
    ----------
    facts : dict
        The fields of `schema.Facts`, as JSON types. Never modified.

    Raises
    ------
    ReportInvalid
        If the facts are incomplete or contradict one another.
    """
    typed: Facts = parse_facts(facts)
    derived = {"controls": derive_controls(typed), "summary": summarise(typed)}
    plain: dict[str, Any] = msgspec.to_builtins(typed)
    return plain | msgspec.to_builtins(derived)
