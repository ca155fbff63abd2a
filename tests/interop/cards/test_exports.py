from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import zlib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from core.errors import NotFound
from federation.domain.messages import canonical
from interop.cards.cyclonedx import cyclonedx
from interop.cards.document import document_of
from interop.cards.exports import FORMS, exported
from interop.cards.markdown import escaped, markdown
from models_registry import services
from models_registry.card_schema import SECTIONS
from models_registry.models import Card
from models_registry.weights_signing import version_sign
from tests.factories.registry import newest_card as newest


@pytest.mark.parametrize("which", ["card", "bare"])
@pytest.mark.parametrize("kind", list(FORMS))
def test_every_form_is_made_twice_the_same(request, which: str, kind: str) -> None:
    card = request.getfixturevalue(which)
    version_sign(version=card.version)

    first, second = exported(card, kind), exported(card, kind)

    assert first.content == second.content and first["Content-Type"] == FORMS[kind].media_type
    assert first["Content-Disposition"] == f'attachment; filename="trial-model-v1-card-{card.edition}.{kind}"'


def test_an_unknown_form_is_told_what_there_is(card: Card) -> None:
    with pytest.raises(NotFound, match="Expected one of pdf, html, md, json, xml, cdx.json, sig, pem"):
        exported(card, "docx")


@pytest.mark.parametrize("kind", ["html", "md"])
def test_every_stated_element_is_in_the_readable_forms(card: Card, kind: str) -> None:
    text = exported(card, kind).content.decode()

    for section in SECTIONS:
        for element in section.elements:
            assert element.title in text
    for words in ("Quantum evidence", "state vector", "north, sex: female (40)", "Membership attack", card.digest):
        assert words in text.replace("\\", "")


def test_what_people_wrote_is_no_markup(card: Card) -> None:
    html, text = (exported(card, kind).content.decode() for kind in ("html", "md"))

    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<script>" not in text and "\\*bold\\*" in text and "\\# heading" in text and "1\\. one" in text
    assert not re.search(r"^# heading", text, re.MULTILINE)


def test_what_nobody_stated_says_so(bare: Card) -> None:
    assert "*Not stated.*" in markdown(document_of(bare))
    assert "Not stated: " in exported(bare, "html").content.decode()


@pytest.mark.parametrize(("text", "shown"), [("- a", "\\- a"), ("2) b", "2\\) b"), ("a\nb", "a  \nb"), ("a-b", "a-b")])
def test_markdown_escapes_where_it_must(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_the_html_file_stands_alone_and_prints(card: Card) -> None:
    html = exported(card, "html").content.decode()

    assert "@media print" in html and "@page" in html
    assert not re.search(r"(?:src|href)=", html)


def test_the_pdf_meets_its_standards_and_has_the_edition_attached(card: Card) -> None:
    data = exported(card, "pdf").content

    opened = [data]
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        with contextlib.suppress(zlib.error):
            opened.append(zlib.decompress(match[1]))
    assert canonical(card.content) in opened
    declared = b"".join(opened)
    assert b"<pdfaid:part>3</pdfaid:part>" in declared and b"<pdfuaid:part>1</pdfuaid:part>" in declared
    done = subprocess.run(["pdftotext", "-enc", "UTF-8", "-", "-"], input=data, capture_output=True, check=True)
    text = re.sub(r"\s+", " ", done.stdout.decode())
    assert "Model card" in text and "Membership attack" in text and "<script>" in text


def test_a_text_of_the_greatest_length_fits_the_pdf(world, card: Card) -> None:
    long = "word " * 799
    services.card_edit(version=card.version, texts={"HowToUse": long}, actor=world.people.administrator)

    assert exported(newest(card.version), "pdf").content.startswith(b"%PDF")


def test_the_json_file_is_what_the_digest_is_of(card: Card) -> None:
    assert hashlib.sha256(exported(card, "json").content).hexdigest() == card.digest


@pytest.mark.parametrize("which", ["card", "bare"])
def test_the_bom_is_valid_by_the_schema_of_cyclonedx(request, which: str) -> None:
    card = request.getfixturevalue(which)
    text = exported(card, "cdx.json").content.decode()

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_validator_would_find_a_fault(card: Card) -> None:
    bom = cyclonedx(card)
    bom["metadata"]["component"]["modelCard"]["invented"] = 1

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)) is not None


def test_the_bom_says_what_was_measured(card: Card) -> None:
    model = cyclonedx(card)["metadata"]["component"]

    assert model["hashes"] == [{"alg": "SHA-256", "content": card.version.weights_digest}]
    metrics = {m["type"]: m for m in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    assert metrics["Bias score"] == {
        "type": "Bias score", "value": "0.04", "confidenceInterval": {"lowerBound": "0.01", "upperBound": "0.08"},
    }  # fmt: skip
    assert model["modelCard"]["considerations"]["fairnessAssessments"][0]["groupAtRisk"] == "north, sex: female (40)"
    told = {p["name"]: p["value"] for p in model["properties"]}
    assert told["qfl-ethics:quantum:shots"] == "none: exact expectation values"
    assert told["qfl-ethics:boundaries:tested"] == "north, sex: female (40)"


def test_every_reference_of_the_bom_is_there(card: Card) -> None:
    bom = cyclonedx(card)
    known = {bom["metadata"]["component"]["bom-ref"], *(c["bom-ref"] for c in bom["components"])}

    assert {ref for d in bom["dependencies"] for ref in (d["ref"], *d["dependsOn"])} <= known
    assert {d["ref"] for d in bom["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]} <= known
