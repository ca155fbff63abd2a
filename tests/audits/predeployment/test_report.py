"""The report of an audit: one JSON, the PDF around it, and how a stranger checks them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zlib

import pytest
from django.urls import reverse

from audits.predeployment import services
from audits.predeployment.report import report_json, report_pdf
from audits.predeployment.report.cells import alike
from audits.predeployment.report.verifying import PROGRAM
from core.errors import Conflict
from core.models import Outbox
from federation.domain.models.choice import ModelChoice
from federation.domain.models.specs import chosen_specs
from tests.factories.audits import make_audit
from tests.factories.ledger import sequence_all
from tests.factories.registry import make_version


@pytest.fixture
def audit(version, people):
    found = make_audit(version, "fail", actor=people.officer_north)
    sequence_all()
    return found


def text_of(pdf: bytes) -> str:
    command = ["pdftotext", "-layout", "-enc", "UTF-8", "-", "-"]
    text = subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()
    return re.sub(r"\s+", " ", text).replace("\u200b", "")


def test_the_json_says_all_that_the_page_says_and_names_what_it_stands_on(audit, version):
    report = json.loads(report_json(audit))
    assert report["audit"]["verdict"] == "fail" and report["audit"]["digest"] == audit.digest
    assert {part["content"]["check_id"] for part in report["checks"]} == set(audit.policy["checks"])
    assert report["model"]["weights_sha256"] == version.weights_digest
    assert report["policy"]["sha256"] == audit.approved_policy.content_digest
    assert report["ledger"]["finished"]["entry"] > report["ledger"]["started"]["entry"]
    assert report["principles"][0]["id"] == "fairness" and report["side_by_side"][0]["check_id"] == "bias_score"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.4, 0.343, 0.4807, 0.1], ["0.400", "0.343", "0.481", "0.100"]),
        ([0.0, 0.08108, None], ["0.000", "0.081", "not measured"]),
        ([1e-05, 0.5], ["1.00e-05", "0.5"]),  # three decimals would hide the first
        ([1600, 2.5], ["1\u2009600", "2.500"]),
        ([48211.0, 1.0], ["48,211", "1"]),
    ],
)
def test_figures_beside_each_other_have_the_same_decimals(values, told):
    assert alike(values) == [said.replace("-", "\u2212") for said in told]


def test_names_and_seeds_are_written_as_names(audit):
    text = text_of(report_pdf(audit))
    assert "Variational quantum classifier" in text and "vqc_classifier" not in text
    seed = str(json.loads(report_json(audit))["policy"]["fixed"]["seed"])
    assert f"Seeds audit {seed}" in text and "0.343 to 0.481" in text


def test_the_same_audit_gives_the_same_bytes(audit):
    assert report_json(audit) == report_json(audit)
    assert report_pdf(audit) == report_pdf(audit)


def test_a_download_is_an_entry_of_the_ledger_and_changes_neither_report_nor_audit(audit, people, signed_in):
    client = signed_in(people.auditor)
    before = report_json(audit)
    for kind in ("json", "pdf"):
        data = client.get(reverse(f"audit_report_{kind}", args=[audit.id])).content
        told = Outbox.objects.filter(operation="READ").latest("id")
        assert (told.table, told.object_id, told.said.actor) == ("provenance_body", str(audit.id), people.auditor.id)
        assert told.said.action == "report.download"
        assert told.body == {"report": kind, "sha256": hashlib.sha256(data).hexdigest()}
    sequence_all()
    assert report_json(audit) == before
    assert signed_in(people.outsider).get(reverse("audit_report_pdf", args=[audit.id])).status_code == 404
    assert not Outbox.objects.filter(operation="READ").exists()


def test_nobody_is_named(audit, people):
    report = json.loads(report_json(audit))
    assert report["audit"]["asked_by"].startswith("psn:")
    assert people.officer_north.name not in report_json(audit).decode()


def test_the_program_in_the_report_proves_it_and_finds_a_changed_figure(audit, tmp_path):
    report = json.loads(report_json(audit))
    (tmp_path / "report.json").write_bytes(report_json(audit))
    run = [sys.executable, "-c", PROGRAM]
    found = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert audit.digest in found.stdout
    report["checks"][0]["content"]["value"] = 0.0
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert subprocess.run(run, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_the_pdf_holds_verdict_figures_and_the_json(audit, tmp_path):
    pdf = report_pdf(audit)
    (tmp_path / "report.pdf").write_bytes(pdf)
    command = ["pdfdetach", "-save", "1", "-o", "report.json", "report.pdf"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    attached = (tmp_path / "report.json").read_bytes()
    assert attached == report_json(audit)
    text = text_of(pdf)
    assert hashlib.sha256(attached).hexdigest() in text and audit.digest in text
    for words in (
        "Audit report", "Verdict of the audit", "No use may be requested", "Outcome by principle", "Not measured",
        "Does the model serve every group of patients alike?", "What would change it", "The largest gap by attribute",
        "RBF", "Signed answers", "How to verify this report", "Figure 1.",
    ):  # fmt: skip
        assert words in text, words
    for row in audit.checks.all():
        assert row.title in text and row.digest in text
    opened = pdf + b"".join(_opened(pdf))
    assert b"<pdfaid:part>3</pdfaid:part>" in opened and b"<pdfuaid:part>1</pdfuaid:part>" in opened
    assert b"/Alt" in opened


def _opened(pdf: bytes):
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            yield zlib.decompress(match[1])
        except zlib.error:
            continue


def test_the_report_of_a_run_beside_its_ablation_names_no_classical_twin(world, people):
    primary, ablation = chosen_specs("classification", 4, None, ModelChoice("no_entanglement"))
    version = make_version(world, models={"primary": primary, "baseline": ablation})
    found = make_audit(version, "fail", actor=people.officer_north)
    sequence_all()
    pdf = report_pdf(found)
    said = text_of(pdf)
    assert "Ablation without entanglement" in said and "lassical twin" not in said
    assert json.loads(report_json(found))["model"]["beside"] == "Ablation without entanglement"


@pytest.mark.parametrize("outcome", ["pass", "inconclusive", "not_assessable"])
def test_every_verdict_can_be_typeset(version, outcome):
    audit = make_audit(version, outcome)
    sequence_all()
    assert report_pdf(audit).startswith(b"%PDF-1.7")


def test_text_and_numbers_that_nobody_foresaw_are_shown_and_break_nothing(audit):
    from audits.predeployment.report.cells import result_table, shown

    assert shown({"a_b": [1, None, True, 0.25]}) == "a b 1, not measured, yes, 0.25"
    hostile = '#read("/etc/passwd") 東京'
    wide = {"title": hostile, "columns": ["x" * 90, "b"], "rows": [[hostile, 1e-9]] * 70, "note": "n"}
    blocks = result_table(wide)
    assert [block["kind"] for block in blocks] == ["table", "text", "text"] and len(blocks[0]["rows"]) == 60
    assert result_table({"title": "t", "columns": ["a"], "rows": []})[0]["kind"] == "empty"


def test_no_report_of_what_is_not_finished_not_in_the_ledger_or_changed(version, people):
    running = services.audit_start(version=version, actor=people.administrator)
    with pytest.raises(Conflict, match="finished audits only"):
        report_json(running)
    services.audit_stop(audit=running, reason="enough", actor=people.administrator)
    audit = make_audit(version, "pass")
    with pytest.raises(Conflict, match="not taken in"):
        report_json(audit)
    sequence_all()
    report_json(audit)
    audit.checks.filter(check_id="bias_score").update(sentence="All is well.")
    with pytest.raises(Conflict, match="no longer have"):
        report_json(audit)


def test_it_is_fetched_by_whoever_may_see_the_audit(audit, people, signed_in):
    for kind, content_type in (("pdf", "application/pdf"), ("json", "application/json")):
        url = reverse(f"audit_report_{kind}", args=[audit.id])
        found = signed_in(people.auditor).get(url)
        assert found.status_code == 200 and found["Content-Type"] == content_type
        assert f"audit-{audit.id}.{kind}" in found["Content-Disposition"]
        assert signed_in(people.outsider).get(url).status_code == 404
        assert signed_in(people.clinician).get(url).status_code == 403
    assert url in signed_in(people.auditor).get(reverse("audit", args=[audit.id])).content.decode()


def test_a_report_that_cannot_be_made_is_refused_in_words(version, people, signed_in):
    audit = make_audit(version, "pass")
    client = signed_in(people.auditor)
    found = client.get(reverse("audit_report_json", args=[audit.id]))
    assert found.status_code == 409 and "ask again in a few seconds" in found.content.decode()
    assert (
        reverse("audit_report_json", args=[audit.id])
        not in client.get(reverse("audit", args=[audit.id])).content.decode()
    )
