"""The pages of incidents, look-backs and notices, in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey
from audits.runtime import incidents, notices, services
from audits.runtime.lookback import look_back_build
from audits.runtime.models import Notice, WebhookSubscription
from core import vault
from tests.e2e.test_ledger_pages import WIDTHS, browser, look  # noqa: F401 - one of them is a fixture
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people, make_reviewers
from tests.factories.registry import make_deployment


@pytest.fixture
def halted(transactional_db):
    """A deployment halted by hand after two predictions, with clocks, a task and a notice that gave up."""
    people = make_people()
    world = make_federation(people)
    make_reviewers(people)
    deployment = make_deployment(world)
    _, secret = ApiKey.issue(
        name="ward", institution=people.north, actions=["prediction.request"], issued_by=people.administrator,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    case = {"patient": "mrn-1", "attributes": {"sex": "female"}, "features": [0.1, 0.5, 0.3, 0.9]}
    body = {"records": [{**case, "event_key": "a"}, {**case, "event_key": "b"}]}
    answer = Client().post(
        f"/api/v1/deployments/{deployment.id}/predictions", json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Api-Key {secret}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    halt = services.deployment_halt(deployment=deployment, reason="Two were misread.", actor=people.officer_south)
    look_back_build({"look_back": halt.incident.look_back.id})()
    officer, aware = people.officer_north, timezone.now() - timedelta(days=4)
    incidents.incident_facts(incident=halt.incident, known={"personal_breach": True}, aware_at=aware, actor=officer)
    incidents.task_create(
        incident=halt.incident, title="Replace the coil", owner=officer, due_on=timezone.now().date(), actor=officer
    )
    notices.notices_write("deployment.halted", {"halt": str(halt.id)})()
    Notice.objects.filter(recipient=people.auditor).update(state="dead", last_error="refused")
    Notice.objects.filter(recipient=officer).update(state="dead", last_error="TimeoutError: timed out")
    hook = WebhookSubscription(name="Ward system", url="https://hooks.example/a", created_by=people.administrator)
    vault.ensure(hook.pk)
    hook.secret = "whsec_" + "A" * 43 + "="
    hook.save(force_insert=True)
    return halt


@pytest.fixture
def signed_in(browser, live_server):  # noqa: F811 - a fixture
    contexts = []

    def go(email: str, scheme: str, width: int):
        opened = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(opened)
        page = opened.new_page()
        page.goto(live_server.url + reverse("login"))
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1, name="What needs you now").wait_for()
        return page

    yield go
    for opened in contexts:
        opened.close()


@pytest.mark.e2e
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_incidents_are_for_everybody(halted, signed_in, live_server, scheme, size):
    faults: list[str] = []
    incident = halted.incident
    page = signed_in("officer.north@test.example", scheme, WIDTHS[size])
    pages = {
        "incidents": reverse("incidents"),
        "incident": reverse("incident", args=[incident.id]),
        "look-back": reverse("look_back", args=[incident.id]),
        "notices": reverse("notices"),
        "halted-deployment": reverse("deployment", args=[halted.deployment_id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    page.goto(live_server.url + pages["incident"])
    for summary in page.locator("main details > summary").all():
        if summary.evaluate("e => !e.parentElement.open"):
            summary.click()
    page.get_by_label("In words").fill("Readers go on without the model.")
    page.get_by_role("button", name="Record the note").click()
    page.get_by_text("It is recorded.").wait_for()
    page.goto(live_server.url + pages["look-back"])
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Mark", exact=True).click()
    page.get_by_text("1 case marked.").wait_for()
    administrator = signed_in("admin@test.example", scheme, WIDTHS[size])
    look(administrator, live_server.url, {"webhooks": reverse("webhooks")}, faults, scheme, size)
    assert faults == [], "\n".join(faults)
