"""One's own account and the way in, in a browser: an app, a security key, a passkey; in both themes, on a phone too."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts import emergency, factors, invitations, keys, providers
from tests.e2e.test_card_and_approval_pages import become
from tests.e2e.test_ledger_pages import PICTURES, WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.factors import code_at, make_app
from tests.factories.people import PASSWORD, make_people
from tests.factories.saml_provider import make_pair

KEY = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
       "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip


def fill_the_sign_in(page, base: str) -> None:
    page.context.clear_cookies()
    page.goto(base + reverse("login"))
    page.get_by_label("Email").fill("admin@test.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_an_account_is_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    people, faults, base = make_people(), [], live_server.url
    make_app(people.auditor)
    factors.reset_request(user=people.auditor, actor=people.administrator2, reason="The phone was stolen; I know him.")
    keys.key_issue(actor=people.administrator, name="PACS", institution=people.north, actions=["event.record"], days=30)
    invitations.invitation_send(
        actor=people.administrator, email="n@n.example", name="N", institution=people.north, role="clinician"
    )
    row = providers.provider_save(
        actor=people.administrator, institution=people.north, name="Hospital north", slug="north", client_id="x",
        issuer="https://login.north.example", factor_amr=["mfa"], factor_acr=[], is_active=True,
    )  # fmt: skip
    saml = providers.provider_save(
        actor=people.administrator, institution=people.south, protocol="saml", name="Hospital south", slug="south",
        issuer="https://login.south.example/idp", sso_url="https://login.south.example/sso", is_active=True,
        certificates=make_pair("login.south.example")[1], factor_acr=["https://refeds.org/profile/mfa"],
    )  # fmt: skip
    access = emergency.emergency_request(
        actor=people.clinician, institution=people.north, reason="No officer answers the phone.", session={}
    )
    emergency.emergency_confirm(actor=people.operator_north, access_id=access.pk)
    page = sign_in(scheme, WIDTHS[size], who="admin")
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})

    def at(name: str, path: str) -> None:
        look(page, base, {name: path}, faults, scheme, size)

    at("factor-none", reverse("mfa_index"))
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="1. Put the secret into the app").wait_for()
    at("factor-app", reverse("mfa_activate_totp"))
    secret = re.sub(r"\s", "", page.locator("main code").inner_text())
    page.get_by_role("textbox", name="Code").fill(code_at(secret))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="Ten codes").wait_for()
    if PICTURES is not None:
        page.screenshot(path=PICTURES / f"recovery-codes-{scheme}-{size}.png", full_page=True)

    at("factor-key", reverse("mfa_add_webauthn"))
    pages = {
        "again-code": reverse("mfa_reauthenticate"), "factor": reverse("mfa_index"), "account": reverse("account"),
        "password": reverse("password_change"), "keys": reverse("machine_keys"), "invite": reverse("people_invite"),
        "reset": reverse("factor_reset", args=[people.auditor.pk]), "people": reverse("people"),
        "emergencies": reverse("emergencies"), "providers": reverse("identity_providers"),
        "provider": reverse("identity_provider", args=[row.pk]),
        "provider-saml": reverse("identity_provider", args=[saml.pk]), "codes": reverse("mfa_view_recovery_codes"),
        "codes-new": reverse("mfa_generate_recovery_codes"), "app-remove": reverse("mfa_deactivate_totp"),
    }  # fmt: skip
    for name, path in pages.items():
        at(name, path)

    page.goto(base + reverse("mfa_add_webauthn"))  # a passkey
    page.get_by_label("Name").fill("This laptop")
    page.get_by_label("Let it sign in by itself").check()
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_role("row", name=re.compile("This laptop")).wait_for()
    at("factor-both", reverse("mfa_index"))

    fill_the_sign_in(page, base)  # the password, and then the key
    page.get_by_role("heading", name="Your code").wait_for()
    at("login-code", reverse("mfa_authenticate"))
    page.get_by_role("button", name="Use a security key").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()

    fill_the_sign_in(page, base)  # the password, and then a code
    cache.clear()  # as if half a minute had passed
    page.get_by_role("textbox", name="Code").fill(code_at(secret))
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()

    page.context.clear_cookies()  # the passkey alone
    at("login", reverse("login"))
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()
    assert factors.held_by(people.administrator).count() == 2
    assert people.administrator.sign_ins.first().ways == "webauthn"
    become(page, live_server, people.clinician)
    at("emergency-ask", reverse("emergencies"))
    assert faults == [], "\n".join(faults)
