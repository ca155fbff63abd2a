"""Cards, public cards, approvals and their signatures in a browser, with the protocol of a real security key."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from models_registry import services
from models_registry.models import ApprovalRequest, ReviewerKey
from models_registry.weights_signing import version_sign
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import World, make_federation
from tests.factories.people import PASSWORD, make_people
from tests.factories.registry import make_evidence, make_request, make_version, newest_card

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(db) -> World:
    return make_federation(make_people())


@pytest.fixture
def approval(world: World) -> ApprovalRequest:
    version = make_version(world)
    make_evidence(version, "pass")
    services.card_edit(version=version, texts={"HowToUse": "With care."}, actor=world.people.administrator)
    return make_request(world, version=version)


def become(page, live_server, user) -> None:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    name, value = settings.SESSION_COOKIE_NAME, client.session.session_key
    page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])


@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_the_pages_are_for_everybody(sign_in, live_server, world, approval, scheme, size):  # noqa: F811 - a fixture
    version = approval.version
    version_sign(version=version)
    public = services.card_publish(card=newest_card(version), actor=world.people.administrator)
    services.approval_comment(request=approval, text="Look at section 3.", actor=world.people.auditor)
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    page.goto(live_server.url + reverse("approvals"))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    become(page, live_server, world.people.administrator)
    pages = {"card": ("card", version.id), "card-changes": ("card_changes", version.id),
             "card-edit": ("card_edit", version.id), "public-card": ("public_card", public.id),
             "public-cards": ("public_cards",)}  # fmt: skip
    look(page, live_server.url, {n: reverse(v[0], args=v[1:]) for n, v in pages.items()}, faults, scheme, size)
    become(page, live_server, world.people.officer_north)
    pages = {"approval-deciding": ("approval", approval.id), "approval-keys": ("approval_keys",),
             "approval-absence": ("approval_absence",)}  # fmt: skip
    look(page, live_server.url, {n: reverse(v[0], args=v[1:]) for n, v in pages.items()}, faults, scheme, size)
    assert faults == [], "\n".join(faults)


def test_a_security_key_signs_the_decision(sign_in, live_server, world, approval):  # noqa: F811 - a fixture
    page = sign_in("light", WIDTHS["desk"])
    become(page, live_server, world.people.officer_north)
    protocol = page.context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    authenticator = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True,
                     "automaticPresenceSimulation": True}  # fmt: skip
    protocol.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})

    page.goto(live_server.url + reverse("approval_keys"))
    page.get_by_label("Your password, once more").first.fill(PASSWORD)
    page.get_by_role("button", name="Register a security key").click()
    page.get_by_text("The security key is registered.").wait_for()
    assert ReviewerKey.objects.get().kind == "webauthn"

    page.goto(live_server.url + reverse("approval", args=[approval.id]))
    page.get_by_label("Approve", exact=True).check()
    page.get_by_label("Reason").fill("Wide margins.")
    page.get_by_role("button", name="Go on to sign").click()
    page.get_by_text("I have examined what the digests below name").wait_for()
    page.get_by_role("button", name="Sign with a security key").click()
    page.get_by_text("Signed. Give your password").wait_for()
    page.get_by_label("Your password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Record the signed decision").click()
    page.get_by_text("You have approved this request").wait_for()

    made = approval.decisions.get()
    assert made.key.kind == "webauthn" and made.content_digest == approval.content_digest


def test_what_was_typed_outlives_the_session(sign_in, live_server, world, approval):  # noqa: F811 - a fixture
    page = sign_in("light", WIDTHS["desk"])
    become(page, live_server, world.people.administrator)
    page.goto(live_server.url + reverse("card_edit", args=[approval.version_id]))
    page.get_by_label("Funding").fill("A long text about a grant.")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Write a new edition").click()
    become(page, live_server, world.people.administrator)

    page.goto(live_server.url + reverse("card_edit", args=[approval.version_id]))
    assert page.get_by_label("Funding").input_value() == "A long text about a grant."
    page.get_by_role("button", name="Write a new edition").click()
    page.get_by_text("Edition 4 is written.").wait_for()
    page.goto(live_server.url + reverse("card_edit", args=[approval.version_id]))
    page.get_by_label("Funding").fill("Otherwise.")
    page.get_by_role("link", name="Cancel").click()
    page.goto(live_server.url + reverse("card_edit", args=[approval.version_id]))
    assert page.get_by_label("Funding").input_value() == "A long text about a grant."
