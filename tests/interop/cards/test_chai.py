from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from interop.cards.chai import NAMESPACE, SCHEMA, Node, chai_xml, problems, value_json
from models_registry.models import Card

NS = {"mc": NAMESPACE}


def all_nodes(node: Node = SCHEMA, at: str = ""):
    for child in node.children or ():
        yield f"{at}/{child.name}", child
        yield from all_nodes(child, f"{at}/{child.name}")


@pytest.mark.parametrize("which", ["card", "bare"])
def test_what_we_write_is_a_card(request, which: str) -> None:
    assert problems(chai_xml(request.getfixturevalue(which).content)) == []


def test_the_order_is_that_of_the_published_schema() -> None:
    """Written out by hand, as the Coalition's schema of v0.2 has it."""
    top = [child.name for child in SCHEMA.children or ()]
    assert top == ["BasicInfo", "ReleaseInfo", "ModelSummary", "UsesAndDirections", "Warnings", "TrustIngredients",
                   "KeyMetrics", "Resources", "Bibliography"]  # fmt: skip
    nodes = dict(all_nodes())
    names = lambda at: [(c.name, c.required) for c in nodes[at].children or ()]  # noqa: E731 - said once
    assert names("/ReleaseInfo") == [("ReleaseStage", True), ("ReleaseDate", True), ("ReleaseVersion", True),
                                     ("GlobalAvailability", True), ("EHRCompatibility", False),
                                     ("RegulatoryApproval", False)]  # fmt: skip
    assert names("/TrustIngredients") == [("AISystemFacts", True), ("TransparencyInformation", True)]
    assert names("/Resources") == [("EvaluationReferences", False), ("ClinicalTrial", False),
                                   ("PeerReviewedPublications", True), ("ReimbursementStatus", False),
                                   ("PatientConsentOrDisclosure", True)]  # fmt: skip
    assert [c.name for c in nodes["/KeyMetrics/FairnessEquity"].children or ()] == [
        "MetricGoal", "Results", "Interpretation", "TestType", "TestingDataDescription",
        "ValidationProcessAndJustification",
    ]  # fmt: skip


def test_the_words_arrive(card: Card) -> None:
    root = ET.fromstring(chai_xml(card.content))

    assert root.findtext("mc:UsesAndDirections/mc:HowToUse", namespaces=NS).startswith("<script>alert('x')</script> &")
    assert root.findtext("mc:ReleaseInfo/mc:EHRCompatibility/mc:EHR", namespaces=NS) == "Any."
    assert [k.text for k in root.findall("mc:ModelSummary/mc:Keywords/mc:Keyword", NS)][:2] == [
        "quantum machine learning", "federated learning",
    ]  # fmt: skip
    result = root.find("mc:KeyMetrics/mc:FairnessEquity/mc:Results/mc:MetricResult", NS)
    assert json.loads(result.findtext("mc:ValueJson", namespaces=NS)) == {
        "kind": "estimate_ci", "estimate": 0.04, "lower": 0.01, "upper": 0.08, "verdict": "pass", "threshold": 0.1,
    }  # fmt: skip


def test_what_is_required_and_not_stated_says_so(bare: Card) -> None:
    root = ET.fromstring(chai_xml(bare.content))

    assert root.findtext("mc:Warnings/mc:ClinicalRiskLevel", namespaces=NS) == "Not stated."
    assert root.find("mc:ReleaseInfo/mc:RegulatoryApproval", NS) is None
    assert root.findtext("mc:KeyMetrics/mc:SafetyReliability/mc:Results/mc:MetricResult/mc:ValueJson", "", NS) == "null"


@pytest.mark.parametrize("at", [at for at, node in all_nodes() if node.required])
def test_a_required_element_that_is_missing_is_found(card: Card, at: str) -> None:
    root = ET.fromstring(chai_xml(card.content))
    *parents, name = at.strip("/").split("/")
    parent = root.find("/".join(f"mc:{p}" for p in parents), NS) if parents else root
    for child in parent.findall(f"mc:{name}", NS):
        parent.remove(child)

    assert any(f"expected {name}, got" in words for words in problems(ET.tostring(root)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: root.insert(0, root[1]), "expected BasicInfo"),
        (lambda root: root.append(ET.Element("Extra")), "Extra is not expected"),
        (lambda root: root[0].append(root[0][0]), "ModelName is not expected"),
        (lambda root: root[0].set("id", "1"), "expected no attributes"),
        (lambda root: setattr(root[0], "text", "words"), "expected elements, got text"),
        (lambda root: ET.SubElement(root[0][0], "b"), "expected text, got the element b"),
    ],
)
def test_other_faults_are_found(card: Card, change, said: str) -> None:
    root = ET.fromstring(chai_xml(card.content))
    change(root)

    assert any(said in words for words in problems(ET.tostring(root)))


def test_a_signature_at_the_end_is_allowed(card: Card) -> None:
    root = ET.fromstring(chai_xml(card.content))
    ET.SubElement(root, "{http://www.w3.org/2000/09/xmldsig#}Signature")

    assert problems(ET.tostring(root)) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
     b'<AppliedModelCard xmlns="https://mc.chai.org/v0.1/schema.xsd"/>'],
)  # fmt: skip
def test_what_is_no_card_is_refused_in_words(data: bytes) -> None:
    (words,) = problems(data)

    assert words.startswith("expected ")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None), ({"mean": 0.5, "n": 4}, {"kind": "single", "value": 0.5, "n": 4}),
        ({"verdict": "not_assessable"}, {"kind": "verdict", "verdict": "not_assessable"}),
        ({"value": 0.0, "lower": None, "upper": 1.0}, {"kind": "single", "value": 0.0}),
    ],
)  # fmt: skip
def test_results_as_json(value, told) -> None:
    assert json.loads(value_json(value)) == told
