"""The pages of reports and of boards, in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.posthoc import boards, rendering, samples, services
from core import jobs
from core.models import Job
from tests.audits.posthoc.conftest import write_ledger
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.audits import make_audit
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment, make_version


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_reports_and_boards_are_for_everybody(sign_in, live_server, monkeypatch, scheme, size):  # noqa: F811 - a fixture
    world = make_federation(make_people())
    people, version, today = world.people, make_version(world), timezone.now().date()
    make_audit(version, "pass", actor=people.administrator)
    make_deployment(world, version=version, name="Ward A")
    write_ledger()
    monkeypatch.setattr(rendering, "render_pdf", lambda report, **_: b"%PDF-1.7 drawn elsewhere")
    report = services.report_create(period_start=today, period_end=today, actor=people.auditor)
    assert jobs.run(Job.objects.get(idempotency_key=f"report.render:{report.id}").id)
    review = boards.review_convene(
        month=today, board="Independent board", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    undeclared = boards.review_convene(
        month=today, board="Second board", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    boards.conflict_declare(review=review, conflict="", actor=people.auditor)
    boards.finding_add(
        review=review, severity="major", text="Drift at north.", owner=people.administrator, due_on=today,
        version=version, blocking=True, actor=people.auditor,
    )  # fmt: skip
    sample = samples.sample_draw(
        kind="decisions", wanted=3, words="dice", actor=people.external, start=today, end=today
    )
    samples.item_find(item=sample.items.all()[0], finding="minor", text="No reason was given.", actor=people.external)
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    pages = {
        "reports": reverse("reports"),
        "report": reverse("report", args=[report.id]),
        "report-html": reverse("report_html", args=[report.id]),
        "controls": reverse("controls"),
        "samples": reverse("samples"),
        "sample": reverse("sample", args=[sample.id]),
        "report-evidence": reverse("report_evidence", args=[report.id]),
        "board-reviews": reverse("board_reviews"),
        "board-review": reverse("board_review", args=[review.id]),
        "board-undeclared": reverse("board_review", args=[undeclared.id]),
        "blocked-version": reverse("version", args=[version.id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    assert faults == [], "\n".join(faults)
