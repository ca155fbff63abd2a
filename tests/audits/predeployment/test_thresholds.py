from __future__ import annotations

import pytest
from django.urls import reverse

from audits.predeployment import services, thresholds
from audits.predeployment.models import AuditRun
from core.errors import ApplicationError, Conflict
from models_registry.binding import latest_card
from models_registry.models import Evidence
from tests.factories.audits import answer, conclude, give_answer, pending

# Ill women score one bin lower than ill men; healthy patients score alike. Seven thresholds, eight bins.
COUNTS = [
    ["sex", "female", [1, 2, 6, 12, 9, 5, 3, 2], [10, 12, 9, 5, 2, 1, 1, 0]],
    ["sex", "male", [0, 1, 2, 6, 12, 9, 6, 4], [10, 12, 9, 5, 2, 1, 1, 0]],
]


@pytest.fixture
def audit(version, settings) -> AuditRun:
    settings.AUDIT_CHECKS = ("bias_score", "thresholds")
    audit = services.audit_start(version=version)
    while waiting := pending(audit):
        for order in waiting:
            counts = {"n_patients": 160, "counts": {"validation": COUNTS, "audit": COUNTS}, "seconds": 1.0}
            give_answer(order, counts if order.body["check"] == "thresholds" else answer(order))
    conclude(audit)
    return AuditRun.objects.get(id=audit.id)


def test_an_audit_proposes_and_an_officer_records_it_as_evidence(audit, people, client_of):
    client = client_of(people.officer_north)
    text = client.get(reverse("audit", args=[audit.id])).content.decode()
    section = text[text.index('id="thresholds"') :]
    for words in ("Reported", "Solvers for sex", "QAOA", "Fairlearn", "Record the proposal"):
        assert words in section
    row = audit.checks.get(check_id="thresholds")
    assert (row.decides, row.verdict) == ("informs", "not_assessable")  # it never decides on the model
    edition = latest_card(audit.version).edition
    where, given = reverse("thresholds_record", args=[audit.id]), {"attribute": "sex", "reason": "The board asked."}
    assert client.post(where, given).status_code == 302
    kept = Evidence.objects.get(kind="threshold_proposal")
    assert kept.verdict == "not_assessable" and kept.summary["thresholds"] == {"female": 0.4, "male": 0.5}
    assert kept.summary["result"] == row.digest
    assert latest_card(audit.version).edition > edition  # so that a request under review is voided
    text = client.get(reverse("audit", args=[audit.id])).content.decode()
    assert "On record" in text and "Record the proposal" not in text
    page = client.get(reverse("version", args=[audit.version_id])).content.decode()
    assert "Thresholds by group, as proposed" in page and reverse("audit", args=[audit.id]) in page
    again = client.post(where, given)
    assert again.status_code == 409 and "on record already" in again.content.decode()
    assert Evidence.objects.filter(kind="threshold_proposal").count() == 1


def test_only_officers_and_administrators_record_and_others_see_no_form(audit, people, client_of):
    where, given = reverse("thresholds_record", args=[audit.id]), {"attribute": "sex", "reason": "x"}
    for who in (people.auditor, people.operator_north):
        assert client_of(who).post(where, given).status_code == 403
    text = client_of(people.auditor).get(reverse("audit", args=[audit.id])).content.decode()
    assert "Proposed thresholds by sex" in text and "Record the proposal" not in text
    assert "An ethics officer or an administrator may record" in text
    for wrong in ({"attribute": "sex"}, {"attribute": "sex", "reason": "  "}, {"attribute": "eyes", "reason": "x"}, {}):
        answered = client_of(people.officer_south).post(where, wrong)
        assert answered.status_code == 400 and "Nothing was recorded" in answered.content.decode()
    assert not Evidence.objects.filter(kind="threshold_proposal").exists()
    assert client_of(people.administrator).post(where, given).status_code == 302


def test_the_service_refuses_what_the_page_would(audit, people):
    with pytest.raises(ApplicationError, match="Expected an attribute"):
        thresholds.proposal_record(audit=audit, attribute="eyes", reason="x", actor=people.administrator)
    with pytest.raises(ApplicationError, match="Give a reason"):
        thresholds.proposal_record(audit=audit, attribute="sex", reason=" ", actor=people.administrator)
    audit.state = AuditRun.State.RUNNING
    with pytest.raises(Conflict, match="finished audit"):
        thresholds.proposal_record(audit=audit, attribute="sex", reason="x", actor=people.administrator)
