"""A card as plain text, element by element: what differences are told in, and what exports are written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.charts.svg import number
from models_registry.card_schema import (
    BOUNDARIES,
    KEY_METRICS,
    METRIC_ELEMENTS,
    QUANTUM,
    RENAMED,
    SECTIONS,
    Element,
    Section,
)

Content = Mapping[str, Any]
NOT_STATED = "Not stated."
_OLD_NAMES = {new: old for old, new in RENAMED.items()}


@dataclass(frozen=True)
class Line:
    """One element of a card in words; `text` is None where nobody has stated it."""

    element: Element
    text: str | None


@dataclass(frozen=True)
class Part:
    """A section of a card in words."""

    name: str
    title: str
    lines: tuple[Line, ...]


def parts_of(content: Content) -> list[Part]:
    """All of a card: the schema's sections, its key metrics, and what stands beside the schema."""
    parts = [_part(section, content.get(section.name) or {}) for section in SECTIONS]
    for name, title in KEY_METRICS.items():
        metric = content["KeyMetrics"][name]
        lines = (Line(element, text_of(metric.get(element.name))) for element in METRIC_ELEMENTS)
        parts.append(Part(name, title, tuple(lines)))
    for section in (QUANTUM, BOUNDARIES):
        found = content.get(section.name)
        if isinstance(found, Mapping):
            parts.append(_part(section, found))
    privacy = Line(Element("privacy", "Loss of privacy", False, source="run"), text_of(content.get("privacy")))
    return [*parts, Part("privacy", "Privacy", (privacy,))]


def _part(section: Section, values: Mapping[str, Any]) -> Part:
    lines = (Line(element, text_of(_value(element, values), element.name)) for element in section.elements)
    return Part(section.name, section.title, tuple(lines))


def _value(element: Element, values: Mapping[str, Any]) -> Any:
    return values.get(element.name, values.get(_OLD_NAMES.get(element.name, "")))


def text_of(value: Any, name: str = "") -> str | None:
    """A value of a card in words; None if it is not stated."""
    if name == "shots" and value is None:
        return "none: exact expectation values"
    if name == "trained_under" and value is None:
        return "none: trained without noise"
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(_items(value)) if name != "Keywords" else ", ".join(map(str, value))
    return str(value)


def _items(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, Mapping) and "label" in value:
            yield f"{value['label']}: {result_words(value['value'])}"
        elif isinstance(value, Mapping) and "input" in value:
            yield f"{value['input']}: {number(value['low'])} to {number(value['high'])}"
        else:
            yield str(value)


def result_words(value: Mapping[str, Any]) -> str:
    """One result: the verdict, the figure with its interval or its number of cases, and the limit."""
    words = [str(value["verdict"]).replace("_", " ")] if value.get("verdict") else []
    if "mean" in value:
        words.append(f"{_number(value['mean'])} (n = {value.get('n', 'not recorded')})")
    if "value" in value:
        bounds = f" ({_number(value.get('lower'))} to {_number(value.get('upper'))})" if "lower" in value else ""
        words.append(_number(value["value"]) + bounds)
    if "threshold" in value:
        words.append(f"limit {_number(value['threshold'])}")
    return ", ".join(words) or "no figure"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "not measured" if value is None else str(value)
