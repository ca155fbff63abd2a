"""Search, inbox, preferences and saved views in a browser: by keyboard, sent once, and with a session that ended."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.inbox import people_tell
from accounts.models import SavedView
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import make_federation, make_run
from tests.factories.people import PASSWORD, make_people


@pytest.fixture
def auditor():
    people = make_people()
    make_run(make_federation(people))
    people_tell(users=[people.auditor.pk], kind="ledger", key="k", title="A check of the ledger failed", text="Look.")
    SavedView.objects.create(owner=people.auditor, name="Failed ones", path="/audits/", query="outcome=fail")
    return people.auditor


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_pages_of_ones_own_are_for_everybody(auditor, sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    page, faults = sign_in(scheme, WIDTHS[size]), []
    pages = {
        "home-first-steps": "/", "search": "/search/?q=trial", "search-empty": "/search/?q=zzz", "inbox": "/inbox/",
        "preferences": "/account/preferences/", "saved-view": "/audits/?outcome=fail",
    }  # fmt: skip
    look(page, live_server.url, pages, faults, scheme, size)
    page.goto(live_server.url + "/")
    page.evaluate("document.getElementById('shortcuts-dialog').showModal()")
    assert faults == [], "\n".join(faults)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_by_keyboard_once_and_after_the_session_ended(auditor, sign_in, live_server):  # noqa: F811 - a fixture
    page, sent = sign_in("light", 1280), []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)

    page.wait_for_load_state("load")
    page.keyboard.press("/")
    page.keyboard.type("trial")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Results for “trial”").wait_for()
    page.wait_for_load_state("load")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "Trial"
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keyboard shortcuts").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.get_by_role("heading", level=1, name="Models").wait_for()

    page.goto(live_server.url + "/audits/?outcome=pass")
    page.get_by_text("Save this view").click()
    page.get_by_label("Name").fill("Passed")
    page.evaluate("{ const f = document.querySelector('.views__save form'); f.requestSubmit(); f.requestSubmit(); }")
    page.get_by_role("link", name="Passed").wait_for()
    assert len(sent) == 1

    page.goto(live_server.url + reverse("board_reviews"))
    page.locator("#id_board").fill("The board of the north")
    page.context.clear_cookies(name="sessionid")
    page.evaluate("document.querySelector('form[action$=\"/boards/new/\"]').noValidate = true")
    page.locator('form[action$="/boards/new/"] button').click()
    page.get_by_role("heading", level=1, name="Sign in").wait_for()
    assert "nothing was sent" in page.content()
    page.get_by_label("Email").fill("auditor@test.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Board reviews").wait_for()
    assert page.locator("#id_board").input_value() == "The board of the north"
    page.get_by_text("What you typed is back in the form").wait_for()
