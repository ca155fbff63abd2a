"""Every file of a report comes from the same JSON, leads to its evidence, and is harmless wherever it is opened."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Institution
from audits.posthoc import rendering, services
from audits.posthoc.assembly import gather
from audits.posthoc.models import Report
from audits.posthoc.report_schema import schema_text
from core import artefacts, jobs
from core.models import Job, Outbox
from tests.factories.registry import make_approved_request

pytestmark = pytest.mark.django_db
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def report(day, today, monkeypatch, settings) -> Report:
    """A finished report of the day; typesetting is tested elsewhere."""
    monkeypatch.setattr(rendering, "render_pdf", lambda report, **_: b"%PDF-1.7 drawn elsewhere")
    settings.PUBLIC_URL = "https://ethics.example"
    Institution.objects.filter(slug="north").update(name='=HYPERLINK("http://evil.example")')
    Institution.objects.filter(slug="south").update(name="@SUM(A1)")
    made = services.report_create(period_start=today, period_end=today, actor=day.people.auditor)
    assert jobs.run(Job.objects.get(idempotency_key=f"report.render:{made.id}").id)
    made.refresh_from_db()
    assert made.state == "finished", made.stop_reason
    return made


def file(report: Report, kind: str) -> bytes:
    return services.report_file(report=report, kind=kind)


def cells(report: Report) -> dict[str, list[list[str]]]:
    """Sheets of the workbook, as rows of texts."""
    archive = zipfile.ZipFile(io.BytesIO(file(report, "xlsx")))
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - our own file
    found = {}
    for number, sheet in enumerate(book.iter(f"{SHEET}sheet"), start=1):
        root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314
        assert not list(root.iter(f"{SHEET}f"))
        found[sheet.attrib["name"]] = [["".join(c.itertext()) for c in row] for row in root.iter(f"{SHEET}row")]
    return found


def test_every_file_stands_in_the_ledger_by_its_digest_and_in_the_signed_manifest(report):
    assert set(report.files) == {"pdf", "html", "xlsx", "csv", "json"}
    row = Outbox.objects.filter(table="audits_posthoc_report").last()
    manifest = json.loads(file(report, "manifest"))
    for kind in report.files:
        digest = hashlib.sha256(file(report, kind)).hexdigest()
        assert json.loads(row.body["files"])[kind] == digest == manifest["files"][f"report.{kind}"]["sha256"]
    assert row.body["manifest_digest"] == report.manifest_digest
    assert [s["algorithm"] for s in json.loads(row.body["signatures"])] == ["ed25519", "ml-dsa-65"]


def test_tables_and_page_say_what_the_json_says(report):
    told, sheets = json.loads(file(report, "json")), cells(report)
    lines = list(csv.DictReader(io.StringIO(file(report, "csv").decode())))
    for section, field, name in (
        ("approvals", "approvals", "Decisions"),
        ("incidents", "incidents", "Halts and incidents"),
    ):
        assert [row["item"] for row in lines if row["section"] == section and row["item"]] == [
            r["id"] for r in told[field]
        ]
        assert len(sheets[name]) == 1 + len(told[field])
    page = file(report, "html").decode()
    for figure in told["summary"]["figures"]:
        assert f">{figure['value']}<" in page
        assert [figure["label"], figure["value"]] in [row[:2] for row in sheets["Summary"]]


def test_each_figure_and_item_carries_the_address_of_its_evidence(report, day):
    lines = list(csv.DictReader(io.StringIO(file(report, "csv").decode())))
    assert lines and all(row["evidence"].startswith("https://ethics.example/") for row in lines)
    assert f"https://ethics.example/reports/{report.id}/evidence?section=incidents" in {r["evidence"] for r in lines}
    halt = f"https://ethics.example/ledger/objects/{day.ended.id}/"
    assert halt in {row["evidence"] for row in lines}
    assert any(halt in row for row in cells(report)["Halts and incidents"])
    page = file(report, "html").decode()
    assert f'href="{halt}"' in page and '<a href="#section-incidents">Halts</a>' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_a_name_that_looks_like_a_formula_is_none(report):
    texts = [text for rows in cells(report).values() for row in rows for text in row]
    texts += [text for row in csv.reader(io.StringIO(file(report, "csv").decode())) for text in row]
    assert any("HYPERLINK" in text for text in texts) and any("SUM(A1)" in text for text in texts)
    assert not [text for text in texts if text[:1] in ("=", "+", "@", "\t")]


def test_the_page_needs_nothing_else_and_its_policy_names_its_style(report, day, client_of):
    answer = client_of(day.people.auditor).get(reverse("report_html", args=[report.id]))
    page = answer.content.decode()
    style = re.search("<style>(.*)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer["Content-Security-Policy"]
    assert (
        "default-src 'none'" in answer["Content-Security-Policy"] and "unsafe" not in answer["Content-Security-Policy"]
    )
    assert f"sha256-{digest}" in page.split("<style>")[0]
    assert not re.search(r"<script|<link|<img|<iframe| style=| on\w+=", page)
    assert "@media print" in style and "=HYPERLINK(&quot;http://evil.example&quot;)" in page


def test_the_json_has_the_shape_that_is_documented(report, day, client_of):
    schema = json.loads(schema_text())
    jsonschema.validate(json.loads(file(report, "json")), schema)
    documented = Path(django_settings.BASE_DIR, "docs", "report.schema.json").read_text(encoding="utf-8")
    assert documented == schema_text(), "write the file anew from audits.posthoc.report_schema.schema_text()"
    assert client_of(day.people.auditor).get(reverse("report_schema")).content.decode() == documented


def test_a_report_of_before_keeps_its_files_and_says_that_it_has_no_others(report, day, client_of):
    digests = {"json_digest": report.json_digest, "pdf_digest": report.pdf_digest}
    old = Report.objects.create(
        period_start=report.period_start,
        period_end=report.period_end,
        state="finished",
        kind="custom",
        issue=9,
        **digests,
    )
    client = client_of(day.people.auditor)
    for name, status in (("pdf", 200), ("json", 200), ("csv", 200), ("html", 409), ("xlsx", 409), ("package", 409)):
        assert client.get(reverse(f"report_{name}", args=[old.id])).status_code == status, name
    assert client.get(reverse("report", args=[old.id])).status_code == 200


def test_the_number_of_queries_does_not_grow_with_decisions(day, today, tomorrow, ledger):
    """Three decisions, and then nine: of the same people, on two versions more."""

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            told = gather(Report(period_start=today, period_end=today), generated_at=tomorrow)
        counts.append(len(told["approvals"]))
        return len(found)

    counts: list[int] = []
    before = asked()
    for _ in range(2):
        make_approved_request(day.world)
    ledger()
    assert asked() == before
    assert counts == [3, 9]


def test_a_second_issue_says_what_differs(report, day, today, ledger):
    make_approved_request(day.world)
    ledger()
    again = services.report_reissue(report=report, reason="A request came late.", actor=day.people.auditor)
    assert jobs.run(Job.objects.get(idempotency_key=f"report.render:{again.id}").id)
    again.refresh_from_db()
    told = json.loads(artefacts.get(again.json_digest))["reissue"]
    assert (told["issue"], told["reason"], told["sha256"]) == (1, "A request came late.", report.json_digest)
    added = [d["section"] for d in told["differences"] if d["what"] == "added"]
    assert added.count("approvals") == 3 and added.count("models") == 1
    assert json.loads(file(again, "manifest"))["earlier_issue"] == report.manifest_digest
    assert "A request came late." in file(again, "html").decode()
