"""The pages of reports and of boards, in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone

from audits.posthoc import boards, rendering, samples, services
from audits.posthoc.packaging import package
from core import jobs
from core.models import Job
from provenance.keys import log_verifiers
from provenance.verifier.__main__ import check
from provenance.verifier.options import Options
from tests.audits.posthoc.conftest import write_ledger
from tests.e2e.test_card_and_approval_pages import become
from tests.e2e.test_ledger_pages import PICTURES, WIDTHS, browser, look, sign_in  # noqa: F401 - two are fixtures
from tests.factories.audits import make_audit
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people
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


DEVICE = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True,
          "automaticPresenceSimulation": True}  # fmt: skip


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_two_people_sign_a_report_off(sign_in, live_server, monkeypatch, tmp_path):  # noqa: F811 - a fixture
    """With security keys of the browser's protocol; and a stranger checks what came of it."""
    people, today, base = make_federation(make_people()).people, timezone.now().date(), live_server.url
    monkeypatch.setattr(rendering, "render_pdf", lambda report, **_: b"%PDF-1.7 drawn elsewhere")
    report = services.report_create(period_start=today, period_end=today, actor=people.officer_south)
    assert jobs.run(Job.objects.get(idempotency_key=f"report.render:{report.id}").id)
    review = boards.review_convene(
        month=today, board="Independent board", members=[people.auditor, people.officer_north],
        chair=people.officer_north, actor=people.auditor,
    )  # fmt: skip
    for member in (people.auditor, people.officer_north):
        boards.conflict_declare(review=review, conflict="", actor=member)
    boards.review_sign(review=review, actor=people.auditor)
    faults: list[str] = []
    for person, capacity, scheme, size in (
        (people.auditor, "auditor", "light", "desk"), (people.officer_north, "chair of the board", "dark", "phone"),
    ):  # fmt: skip
        page = sign_in(scheme, WIDTHS[size])
        become(page, live_server, person)
        device = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

        page.goto(base + reverse("report", args=[report.id]))
        page.get_by_role("button", name=f"Sign off as {capacity}").click()
        page.get_by_text("Register one under “Your keys” first").wait_for()  # no key yet, and the page says what to do
        page.goto(base + reverse("approval_keys"))
        page.get_by_label("Your password, once more").first.fill(PASSWORD)
        page.get_by_role("button", name="Register a security key").click()
        page.get_by_text("The security key is registered.").wait_for()

        page.goto(base + reverse("report", args=[report.id]))
        page.get_by_role("button", name=f"Sign off as {capacity}").click()
        page.get_by_text("I have read the report whose files have the digests below").wait_for()
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        seen(page, f"report-sign-{scheme}-{size}", faults)
        page.get_by_role("button", name="Sign with a security key").click()
        page.get_by_text("Signed. Give your password").wait_for()
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Record the sign-off").click()
        page.get_by_text("The report is signed off in your name.").wait_for()
        seen(page, f"report-signed-{scheme}-{size}", faults)
    assert faults == [], "\n".join(faults)

    write_ledger()
    report.refresh_from_db()
    file = tmp_path / "report.zip"
    file.write_bytes(package(report=report, actor=people.auditor))
    given = {"keys": tuple(key.vkey for key in log_verifiers()),
             "report_keys": tuple(f"{one['algorithm']}:{one['public_key']}" for one in report.signatures)}  # fmt: skip
    found = check(Options(path=file, site=base, **given))
    assert found.result == "verified", [one.text for one in found.of("false")]
    said = " ".join(one.text for one in found.of("verified"))
    assert said.count(f"with a security key (ES256) at {base}.") == 2 and said.count("and the key as theirs") == 2
    assert check(Options(path=file, site="https://evil.example", **given)).result == "false"


def seen(page, name: str, faults: list[str]) -> None:
    """The page as it stands: for everybody, and no wider than the window."""
    if PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    found = Axe().run(page)
    if found.violations_count:
        faults.append(f"{name}: {found.generate_report()}")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append(f"{name}: wider than the window")
