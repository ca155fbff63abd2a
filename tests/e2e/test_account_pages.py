"""The pages of one's own account, and a sign-in in two steps, in a browser: in both themes, on a phone too."""

from __future__ import annotations

import time

import pytest
from django.urls import reverse

from accounts import factors, keys, totp
from accounts.models import SecondFactor
from tests.e2e.test_ledger_pages import PICTURES, WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.people import PASSWORD, make_people


def code(factor: SecondFactor) -> str:
    return totp.code_at(str(factor.secret), totp.step_of(time.time()))


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_an_account_is_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    people, faults = make_people(), []
    lost = factors.factor_begin(user=people.auditor)
    factors.factor_confirm(user=people.auditor, typed=code(lost), keep_session=None)
    factors.reset_request(user=people.auditor, actor=people.administrator2, reason="The phone was stolen; I know him.")
    keys.key_issue(actor=people.administrator, name="PACS", institution=people.north, actions=["event.record"], days=30)
    page = sign_in(scheme, WIDTHS[size], who="admin")

    def at(name: str, path: str) -> None:
        look(page, live_server.url, {name: path}, faults, scheme, size)

    at("factor-none", reverse("factor"))
    page.get_by_label("Your password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("heading", name="1. Put the secret into the app").wait_for()
    at("factor-begun", reverse("factor"))
    mine = SecondFactor.objects.get(user=people.administrator)
    page.get_by_role("textbox", name="Code").fill(code(mine))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="Ten codes").wait_for()
    if PICTURES is not None:
        page.screenshot(path=PICTURES / f"recovery-codes-{scheme}-{size}.png", full_page=True)
    pages = {
        "factor": reverse("factor"), "account": reverse("account"), "password": reverse("password_change"),
        "keys": reverse("machine_keys"), "reset": reverse("factor_reset", args=[people.auditor.pk]),
        "people": reverse("people"),
    }  # fmt: skip
    for name, path in pages.items():
        at(name, path)

    page.context.clear_cookies()
    SecondFactor.objects.update(last_step=0)  # as if half a minute had passed
    page.goto(live_server.url + reverse("login"))
    page.get_by_label("Email").fill("admin@test.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Your code").wait_for()
    at("login-code", reverse("login_code"))
    page.get_by_role("textbox", name="Code").fill(code(mine))
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()
    assert faults == [], "\n".join(faults)
