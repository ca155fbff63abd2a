"""The PDF: standards, attachment, text, injection, determinism."""

import copy
import datetime as dt
import hashlib
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from audits.posthoc.rendering import RenderError, ReportInvalid, complete, render_pdf, report_bytes, report_digest
from audits.typesetting.formats import days

ROOT = Path(__file__).parents[4]


def text_of(pdf: bytes) -> str:
    """What a reader selects and copies, with line ends and runs of spaces as one space."""
    command = ["pdftotext", "-layout", "-enc", "UTF-8", "-", "-"]
    text = subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()
    return re.sub(r"\s+", " ", text)


def streams_of(pdf: bytes) -> bytes:
    """The file with its compressed streams opened, enough to look for a name in it."""
    opened = [pdf]
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            opened.append(zlib.decompress(match[1]))
        except zlib.error:
            continue
    return b"\n".join(opened)


def text_of_pages(pdf: bytes) -> list[str]:
    text = subprocess.run(
        ["pdftotext", "-layout", "-enc", "UTF-8", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return text.stdout.decode().split("\f")


@pytest.fixture
def full_pdf(full_facts: dict[str, Any], charts: dict[str, str]) -> bytes:
    return render_pdf(complete(full_facts), charts=charts)


def test_it_declares_pdf_a_3a_and_pdf_ua_1(full_pdf: bytes) -> None:
    opened = streams_of(full_pdf)
    assert b"<pdfaid:part>3</pdfaid:part>" in opened
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in opened
    assert b"<pdfuaid:part>1</pdfuaid:part>" in opened
    assert b"/OutputIntents" in opened
    assert re.search(rb"/Marked true", opened)
    assert re.search(rb"/Lang\s*\(en-GB\)", opened)


def test_the_attachment_is_the_canonical_json(full_pdf: bytes, full_facts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(full_pdf)
    command = ["pdfdetach", "-save", "1", "-o", "report.json", "report.pdf"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    attached = (tmp_path / "report.json").read_bytes()
    assert attached == report_bytes(complete(full_facts))
    assert re.search(rb"/AFRelationship\s*/Source", streams_of(full_pdf))


def test_the_digest_of_the_attachment_stands_whole_on_cover_and_in_footer(
    full_pdf: bytes, full_facts: dict[str, Any]
) -> None:
    digest = report_digest(complete(full_facts))
    assert digest == hashlib.sha256(report_bytes(complete(full_facts))).hexdigest()
    text = text_of(full_pdf)
    pages = max(int(last) for last in re.findall(r"Page \d+ of (\d+)", text))
    assert text.count(digest) == pages  # once on the cover, once at the foot of every other page


@pytest.mark.parametrize(
    "figure",
    [
        "1 January 2026 to 30 June 2026",
        "Synthetic data",
        "0.021 to 0.083; limit 0.1; n = 4\u2009120",
        "ε = 0.5, δ = 1e-05",
        "no differential privacy",
        "p = 0.213",
        "4\u2009096 shots; seed 20260211; depth 6",
        "p < 0.001",
        "0.842",
        "−0.021",
        "24.6 against a threshold of 20.0",
        "still standing",
        "by Ethics officer, Northern and Ethics officer, Harbour",
        "chain id 1337, operated by the platform's operator",
        "48\u2009190 of 48\u2009211 entries",
        "replay finds 31\u2009877 of 31\u2009877 governed row versions (100.00 %)",
        "45 CFR 164.312(b)",
        "ISO 31700-1:2023 (aligned to)",
        "Signature and date",
        "Page 2 of",
        "Figure 1. Bias score of each audit",
    ],
)
def test_its_text_holds_the_figure(full_pdf: bytes, figure: str) -> None:
    assert re.sub(r"\s+", " ", figure) in text_of(full_pdf)


def test_it_holds_every_digest_of_the_annex_unbroken(full_pdf: bytes, full_facts: dict[str, Any]) -> None:
    text = text_of(full_pdf)
    trail = full_facts["audit_trail"]
    digests = [item["sha256"] for item in full_facts["evidence"]]
    for digest in [*digests, trail["root_sha256"], trail["anchor"]["transaction_hash"]]:
        assert digest in text


def test_charts_carry_alternative_text(full_pdf: bytes) -> None:
    assert full_pdf.count(b"/Alt") >= 2 or streams_of(full_pdf).count(b"/Alt") >= 2


def test_a_period_without_events_says_so_section_by_section(empty_facts: dict[str, Any]) -> None:
    text = text_of(render_pdf(complete(empty_facts), charts={}))
    for said in (
        "No models were under governance in this period.",
        "No training runs in this period.",
        "No audits in this period.",
        "No approvals in this period.",
        "No deployments in this period.",
        "No halts in this period",
        "No appeals in this period.",
        "No changes were recorded since the last period.",
        "not anchored on a chain in this period",
        "No further evidence in this period.",
        "No signature is asked for.",
    ):
        assert said in text
    assert "ynthetic" not in text


def test_the_same_report_gives_the_same_bytes(full_facts: dict[str, Any], charts: dict[str, str]) -> None:
    report = complete(full_facts)
    assert render_pdf(report, charts=charts) == render_pdf(report, charts=charts)


@pytest.mark.parametrize(
    "hostile",
    [
        '#pagebreak() *bold* $x^2$ `raw` @ref <label> #read("/etc/passwd")',
        '"] #eval("1+1") [ \\ // comment /* */',
        "= Heading - list + enum / term: x",
        "<script>alert(1)</script>",
    ],
)
def test_markup_in_user_text_stays_text(full_facts: dict[str, Any], hostile: str) -> None:
    full_facts["scope"] = hostile
    full_facts["models"][0]["name"] = hostile
    full_facts["incidents"][0]["description"] = hostile
    assert text_of(render_pdf(complete(full_facts), charts={})).count(hostile) >= 2


def test_a_script_without_glyphs_is_written_as_code_points_and_attached_exactly(full_facts: dict[str, Any]) -> None:
    full_facts["institutions"][0]["name"] = "東京病院 Zoë"
    pdf = render_pdf(complete(full_facts), charts={})
    assert "[U+6771][U+4EAC][U+75C5][U+9662] Zoë" in text_of(pdf).replace("\u200b", "")
    assert "東京病院 Zoë".encode() in streams_of(pdf)


def test_an_invalid_report_is_not_drawn(full_facts: dict[str, Any]) -> None:
    report = complete(full_facts)
    report["summary"]["findings"].append(
        {"rule": "x", "text": "All is well.", "severity": "information", "evidence": []}
    )
    with pytest.raises(ReportInvalid, match=r"\$\.summary"):
        render_pdf(report, charts={})


GOOD = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>t</title><desc>d</desc>{}</svg>'


@pytest.mark.parametrize(
    ("place", "svg", "message"),
    [
        ("weather", GOOD.format(""), "expected a place in one of"),
        ("../models", GOOD.format(""), "expected a place in one of"),
        ("audits", "<svg", "expected SVG"),
        ("audits", "<svg><title>t</title></svg>", "SVG namespace"),
        ("audits", GOOD.format("").replace("<desc>d</desc>", ""), "a title and a desc"),
        ("audits", GOOD.format('<image href="pyproject.toml"/>'), "no links to other files"),
        ("audits", GOOD.format('<use href="other.svg#a"/>'), "no links to other files"),
        ("audits", '<!DOCTYPE svg [<!ENTITY a "b">]>' + GOOD.format("&a;"), "expected SVG"),
    ],
)
def test_an_unusable_chart_is_refused(full_facts: dict[str, Any], place: str, svg: str, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        render_pdf(complete(full_facts), charts={place: svg})


def test_a_value_without_canonical_form_is_refused() -> None:
    with pytest.raises(RenderError, match="no canonical JSON"):
        report_bytes({"x": float("nan")})


def test_a_post_quantum_signature_on_the_checkpoint_does_not_fill_the_page(full_facts: dict[str, Any]) -> None:
    full_facts["audit_trail"]["checkpoint"] += "\n— qfl-ethics.example/ledger " + "A" * 3228
    assert "characters, complete in the attached JSON" in text_of(render_pdf(complete(full_facts), charts={}))


def test_rendering_needs_no_django() -> None:
    code = "import sys, audits.posthoc.rendering; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (dt.date(2026, 1, 1), dt.date(2026, 6, 30), "1 January 2026 to 30 June 2026"),
        (dt.date(2026, 2, 3), dt.date(2026, 2, 3), "3 February 2026"),
    ],
)
def test_a_period_is_told_in_words(first, last, words):
    assert days(first, last) == words


def test_nobody_signs_a_page_of_its_own(full_facts: dict[str, Any]) -> None:
    """However long the report is: the heading of the sign-off and its lines stand on one page."""
    for more in (13, 14, 15):  # without that the signatures of these go alone to the next page
        facts = copy.deepcopy(full_facts)
        facts["evidence"] += [{**facts["evidence"][0], "id": f"EV-1{number}"} for number in range(more)]
        pages = text_of_pages(render_pdf(complete(facts), charts={}))
        (page,) = [page for page in pages if "The undersigned" in page]
        assert "Chair of the board" in page and "Signature and date" in page, more
