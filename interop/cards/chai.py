"""A card as CHAI Applied Model Card XML, version 0.2, and the check of such a file.

Names and order are those of https://mc.chai.org/v0.2/schema.xsd, taken from `card_schema`, which declares them once.
The check is ours: it knows the sequence of the elements, which are required and which hold text. A signature (XML-DSig)
may follow the last element and is not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from models_registry.card_schema import KEY_METRICS, METRIC_ELEMENTS, RENAMED, SECTIONS
from models_registry.card_text import NOT_STATED, text_of

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_LISTS = {"Keywords": "Keyword", "EHRCompatibility": "EHR"}  # elements that hold a list of others
_LAST = "Bibliography"  # stands after the resources, in no section
_TRUST = ("AISystemFacts", "TransparencyInformation")
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OLD = {new: old for old, new in RENAMED.items()}


@dataclass(frozen=True)
class Node:
    """What may stand at one place of the sequence."""

    name: str
    required: bool = True
    repeats: bool = False
    children: tuple[Node, ...] | None = None  # None: text


def _sections() -> dict[str, tuple[Node, ...]]:
    return {
        section.name: tuple(
            Node(e.name, e.required, children=(Node(_LISTS[e.name], False, True),) if e.name in _LISTS else None)
            for e in section.elements
            if e.name != _LAST
        )
        for section in SECTIONS
    }


def _metric(name: str) -> Node:
    result = Node("MetricResult", repeats=True, children=(Node("Label"), Node("ValueJson")))
    return Node(
        name,
        children=tuple(Node(e.name, children=(result,) if e.name == "Results" else None) for e in METRIC_ELEMENTS),
    )


def _schema() -> Node:
    sections = _sections()
    trust = Node("TrustIngredients", children=tuple(Node(name, children=sections[name]) for name in _TRUST))
    before = [Node(n, children=c) for n, c in sections.items() if n not in (*_TRUST, "Resources")]
    metrics = Node("KeyMetrics", children=tuple(_metric(name) for name in KEY_METRICS))
    resources = Node("Resources", children=sections["Resources"])
    return Node("AppliedModelCard", children=(*before, trust, metrics, resources, Node(_LAST)))


SCHEMA = _schema()


def chai_xml(content: Mapping[str, Any]) -> bytes:
    """The XML of an edition. What the schema requires and nobody has stated reads "Not stated."."""
    root = ET.Element(_tag(SCHEMA.name))
    sections = {section.name: content.get(section.name) or {} for section in SECTIONS}
    for node in SCHEMA.children or ():
        if node.name == "TrustIngredients":
            trust = ET.SubElement(root, _tag(node.name))
            for name in _TRUST:
                _fill(ET.SubElement(trust, _tag(name)), _children(node, name), sections[name])
        elif node.name == "KeyMetrics":
            _fill_metrics(ET.SubElement(root, _tag(node.name)), node, content["KeyMetrics"])
        elif node.name == _LAST:
            _text(root, _LAST, sections["Resources"].get(_LAST))
        else:
            _fill(ET.SubElement(root, _tag(node.name)), node.children or (), sections[node.name])
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True, default_namespace=NAMESPACE) + b"\n"


def _children(node: Node, name: str) -> tuple[Node, ...]:
    return next(child.children or () for child in node.children or () if child.name == name)


def _fill(parent: ET.Element, nodes: tuple[Node, ...], values: Mapping[str, Any]) -> None:
    for node in nodes:
        value = values.get(node.name, values.get(_OLD.get(node.name, "")))
        if node.children is not None:
            found = value if isinstance(value, list) else [value] if value else []
            if found or node.required:
                holder = ET.SubElement(parent, _tag(node.name))
                for item in found:
                    _text(holder, node.children[0].name, item)
        elif value or node.required:
            _text(parent, node.name, value)


def _fill_metrics(parent: ET.Element, node: Node, metrics: Mapping[str, Any]) -> None:
    for metric in node.children or ():
        values, holder = metrics[metric.name], ET.SubElement(parent, _tag(metric.name))
        for element in METRIC_ELEMENTS:
            if element.name != "Results":
                _text(holder, element.name, values.get(element.name))
                continue
            results = ET.SubElement(holder, _tag("Results"))
            for label, value in [(r["label"], r["value"]) for r in values.get("Results") or []] or [(NOT_STATED, None)]:
                result = ET.SubElement(results, _tag("MetricResult"))
                _text(result, "Label", label)
                _text(result, "ValueJson", value_json(value))


def value_json(value: Mapping[str, Any] | None) -> str:
    """One result as the published cards write it: a single figure, or an estimate with its interval; else as it is."""
    if value is None:
        return "null"
    known = {name: value[name] for name in ("verdict", "threshold", "n") if value.get(name) is not None}
    if value.get("value") is not None and None not in (value.get("lower"), value.get("upper")):
        kind = {"kind": "estimate_ci", "estimate": value["value"], "lower": value["lower"], "upper": value["upper"]}
    elif (point := value.get("value", value.get("mean"))) is not None:
        kind = {"kind": "single", "value": point}
    else:
        kind = {"kind": "verdict"}
    return json.dumps({**kind, **known}, ensure_ascii=False, allow_nan=False)


def _text(parent: ET.Element, name: str, value: Any) -> None:
    ET.SubElement(parent, _tag(name)).text = _legal(text_of(value) or NOT_STATED)


def _legal(text: str) -> str:
    """Text without the control characters and lone surrogates that XML 1.0 cannot hold."""
    return _ILLEGAL.sub("\ufffd", text)


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


# --- the check -----------------------------------------------------------------------------------------------------


def problems(data: bytes) -> list[str]:
    """What is wrong with a file, each with the place where it is; empty if it is a card."""
    try:
        root = defusedxml.ElementTree.fromstring(data, forbid_dtd=True)
    except (SyntaxError, ValueError, DefusedXmlException) as error:
        return [f"expected XML, got something else: {error or type(error).__name__}"]
    if root.tag != _tag(SCHEMA.name):
        return [f"expected the element {SCHEMA.name} of {NAMESPACE}, got {root.tag}"]
    if len(root) and root[-1].tag == SIGNATURE:
        root.remove(root[-1])
    return list(_problems(root, SCHEMA, f"/{SCHEMA.name}"))


def _problems(element: ET.Element, node: Node, at: str) -> Iterator[str]:
    if element.attrib:
        yield f"{at}: expected no attributes, got {', '.join(sorted(element.attrib))}"
    if node.children is None:
        if len(element):
            yield f"{at}: expected text, got the element {element[0].tag}"
        return
    if any((text or "").strip() for text in (element.text, *(child.tail for child in element))):
        yield f"{at}: expected elements, got text"
    rest = list(element)
    for child in node.children:
        seen = 0
        while rest and rest[0].tag == _tag(child.name) and (seen == 0 or child.repeats):
            yield from _problems(rest.pop(0), child, f"{at}/{child.name}")
            seen += 1
        if child.required and not seen:
            yield f"{at}: expected {child.name}, got {rest[0].tag if rest else 'the end'}"
    if rest:
        yield f"{at}: {rest[0].tag} is not expected there"
