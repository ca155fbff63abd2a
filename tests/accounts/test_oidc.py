"""Sign-in by an institution's own provider: a real one, in a process of its own on loopback (Authlib)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import factors, invitations, providers
from accounts.models import IdentityProvider, Invitation, ProviderLink, SignIn, User
from core.errors import ApplicationError, Forbidden
from core.models import Outbox
from core.roles import Role
from tests.factories.factors import code_of, make_app, signed_in
from tests.factories.identity_provider import CLIENT, SECRET
from tests.factories.people import PASSWORD, make_people, make_user

pytestmark = pytest.mark.django_db
PROGRAM = Path(__file__).parent.parent / "factories" / "identity_provider.py"
NADIA = {"sub": "n-4711", "email": "nadia@north.example", "email_verified": True, "name": "Dr Nadia North"}


class Hospital:
    """The provider's process, and a browser that goes there and back."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"

    def at_screen(self, person: dict[str, Any], **faults: Any) -> None:
        requests.post(f"{self.issuer}/test", json={"person": person, "faults": faults}, timeout=5)

    def sign_in(self, client: Client, *, query: str = "", person: dict[str, Any] | None = None, **faults: Any) -> Any:
        """From our sign-in page to the provider and back; what our platform answers in the end."""
        self.at_screen(NADIA if person is None else person, **faults)
        sent = client.get(reverse("openid_connect_login", args=["north"]) + query)
        if sent.status_code != 302 or not sent["Location"].startswith(self.issuer):
            return sent
        self.asked = parse_qs(urlsplit(sent["Location"]).query)
        back = requests.get(sent["Location"], allow_redirects=False, timeout=5)
        assert back.status_code == 302, back.text
        self.back = back.headers["Location"].removeprefix("http://testserver")
        return client.get(self.back)


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    there = Hospital(port)
    for _ in range(200):
        try:
            requests.get(f"{there.issuer}/keys", timeout=1)
            break
        except requests.ConnectionError:
            time.sleep(0.05)
    yield there
    process.kill()
    process.wait()


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def provider(people, hospital) -> IdentityProvider:
    return providers.provider_save(
        actor=people.administrator, institution=people.north, name="Hospital north", slug="north",
        issuer=hospital.issuer, client_id=CLIENT, secret=SECRET, factor_amr=[], factor_acr=[], is_active=True,
    )  # fmt: skip


def invited(people, role: str = Role.CLINICIAN, institution: Any = None) -> User:
    return invitations.invitation_send(
        actor=people.administrator, email="Nadia@north.example", name="Nadia", institution=institution or people.north,
        role=role,
    ).user  # fmt: skip


def said(client: Client) -> str:
    return client.get(reverse("login")).content.decode()


# --- whom it signs in ----------------------------------------------------------------------------------------------


def test_who_was_invited_comes_in_by_the_provider_and_has_the_role_of_the_invitation(people, provider, hospital):
    user, client = invited(people), Client()
    assert "Sign in with Hospital north" in said(client)
    answer = hospital.sign_in(client, query="?next=/deployments/")
    assert answer["Location"] == "/deployments/" and signed_in(client)
    assert hospital.asked["code_challenge_method"] == ["S256"] and set(hospital.asked["scope"][0].split()) == {
        "openid", "email",
    }  # fmt: skip
    user = User.objects.get(pk=user.pk)
    assert user.name == "Nadia" and user.roles == {Role.CLINICIAN}  # of our records, not of the claims
    assert user.institution_ids == {people.north.pk}
    row = SignIn.objects.get()
    assert (row.ways, row.provider) == ("socialaccount, provider", provider)
    tables = set(Outbox.objects.filter(context__contains=str(user.pk)).values_list("table", flat=True))
    assert {"accounts_invitation", "accounts_membership", "socialaccount_socialaccount", "accounts_signin"} <= tables

    again = Client()  # from now on by the provider's name for the person, whatever the address is
    hospital.sign_in(again, person=NADIA | {"email": "other@north.example"})
    assert signed_in(again) and again.session["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize(
    ("person", "told"),
    [
        (NADIA | {"email": "stranger@north.example"}, "Ask an administrator of Hospital north"),
        (NADIA | {"email_verified": False}, "vouches for no email address"),
        ({"sub": "n-1"}, "vouches for no email address"),
    ],
)
def test_nobody_else_does_and_no_account_is_made(people, provider, hospital, person, told):
    invited(people)
    before, client = User.objects.count(), Client()
    hospital.sign_in(client, person=person)
    assert not signed_in(client) and told in said(client)
    assert User.objects.count() == before and not ProviderLink.objects.exists()


def test_an_invitation_of_another_house_a_withdrawn_one_and_one_that_ended_open_nothing(people, provider, hospital):
    user = invited(people, institution=people.south)
    for change in ({}, {"institution": people.north, "withdrawn_at": user.created_at},
                   {"withdrawn_at": None, "expires_at": user.created_at}):  # fmt: skip
        Invitation.objects.update(**change)
        client = Client()
        hospital.sign_in(client)
        assert not signed_in(client) and not User.objects.get(pk=user.pk).roles


def test_an_account_with_a_password_is_not_taken_over_by_its_address(people, provider, hospital):
    """Whoever runs the hospital's provider can give anybody's address to anybody."""
    make_user("nadia@north.example", Role.ETHICS_OFFICER, people.north)
    invited(people)
    client = Client()
    hospital.sign_in(client)
    assert not signed_in(client) and "Sign in with it, and link" in said(client)


def test_it_signs_in_nobody_who_has_rights_elsewhere_or_none_any_more(people, provider, hospital):
    user = invited(people)
    hospital.sign_in(Client())
    membership = user.memberships.get()
    elsewhere = user.memberships.create(institution=people.south, role=Role.CLINICIAN)
    for change in (None, {"is_active": False}):
        if change:
            elsewhere.delete()
            user.memberships.filter(pk=membership.pk).update(**change)
        client = Client()
        hospital.sign_in(client)
        assert not signed_in(client) and "signs in people of Hospital north alone" in said(client)


def test_a_person_with_a_password_links_it_themselves_after_proving_it_is_them(people, provider, hospital, client_of):
    client = client_of(people.clinician)
    page = client.get(reverse("account")).content.decode()
    assert "Link Hospital north" in page
    stopped = hospital.sign_in(client, query="?process=connect")
    assert stopped["Location"].startswith(reverse("account_reauthenticate")) and not ProviderLink.objects.exists()
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    hospital.sign_in(client, query="?process=connect")
    assert ProviderLink.objects.get().user_id == people.clinician.pk
    other = Client()
    hospital.sign_in(other)
    assert other.session["_auth_user_id"] == str(people.clinician.pk)
    client.post(reverse("provider_unlink"), {"provider": "north"})
    assert not ProviderLink.objects.exists()


# --- the second factor ---------------------------------------------------------------------------------------------


def test_what_the_provider_says_of_a_second_factor_counts_only_where_the_institution_says_so(
    people, provider, hospital, settings
):
    settings.MFA_REQUIRED_ROLES = frozenset({"ethics_officer"})
    invited(people, Role.ETHICS_OFFICER)
    person = NADIA | {"amr": ["pwd", "hwk"], "acr": "urn:hospital:strong"}

    def inside() -> bool:
        client = Client()
        hospital.sign_in(client, person=person)
        assert signed_in(client)
        return client.get(reverse("home")).status_code == 200

    assert not inside()
    for setting, expected in (
        ({"factor_amr": ["otp"]}, False), ({"factor_amr": ["hwk"]}, True), ({"factor_amr": []}, False),
        ({"factor_acr": ["urn:hospital:strong"]}, True),
    ):  # fmt: skip
        IdentityProvider.objects.update(**setting)
        assert inside() is expected, setting
    person.pop("acr")
    assert not inside()


def test_a_factor_of_ones_own_is_asked_after_the_provider_unless_it_vouches(people, provider, hospital):
    user = invited(people)
    hospital.sign_in(Client())
    factor, client = make_app(user), Client()
    answer = hospital.sign_in(client)
    assert answer["Location"] == reverse("mfa_authenticate") and not signed_in(client)
    stored = str([session.get_decoded() for session in Session.objects.all()])
    assert "nadia@" not in stored.lower() and "access_token" not in stored and "pbkdf2" not in stored
    client.post(reverse("mfa_authenticate"), {"code": code_of(factor)})
    assert signed_in(client)
    IdentityProvider.objects.update(factor_amr=["mfa"])
    vouched = Client()
    hospital.sign_in(vouched, person=NADIA | {"amr": ["mfa"]})
    assert signed_in(vouched)


def test_a_setting_taken_back_ends_what_rested_on_it(people, provider, hospital, settings):
    settings.MFA_REQUIRED_ROLES = frozenset({"ethics_officer"})
    invited(people, Role.ETHICS_OFFICER)
    IdentityProvider.objects.update(factor_amr=["mfa"])
    client = Client()
    hospital.sign_in(client, person=NADIA | {"amr": ["mfa"]})
    assert client.get(reverse("home")).status_code == 200
    IdentityProvider.objects.update(is_active=False)
    assert client.get(reverse("home")).url == reverse("mfa_index")


def test_who_has_no_password_sets_up_a_factor_right_after_the_sign_in(people, provider, hospital, settings):
    user, client = invited(people), Client()
    hospital.sign_in(client)
    assert client.get(reverse("mfa_activate_totp")).status_code == 200
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = -1
    later = client.get(reverse("mfa_activate_totp"))
    assert later["Location"].startswith(reverse("openid_connect_login", args=["north"]))
    assert not factors.held_by(user).exists()


# --- a provider that lies, fails, or is not the one it was ----------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        {"key": True}, {"iss": "http://evil.example"}, {"aud": "another client"}, {"exp": -60},
        {"calls_itself": "http://evil.example"}, {"userinfo": {"sub": "n-1"}},
    ],
    ids=lambda faults: next(iter(faults)),
)  # fmt: skip
def test_an_answer_that_is_not_what_it_must_be_signs_nobody_in(people, provider, hospital, faults):
    invited(people)
    client = Client()
    answer = hospital.sign_in(client, **faults)
    assert answer.status_code == 302 and not signed_in(client) and not ProviderLink.objects.exists()
    page = said(client)
    assert "signed nobody in" in page or "does not answer as it should" in page


def test_a_code_comes_back_once_to_the_browser_that_was_sent_and_a_wrong_secret_gets_nothing(
    people, provider, hospital
):
    invited(people)
    client, thief = Client(), Client()
    hospital.sign_in(client)
    assert signed_in(client)
    for other in (thief, client):
        other.get(hospital.back)
    assert not signed_in(thief)
    providers.provider_save(
        actor=people.administrator, provider_id=provider.pk, institution=people.north, name="Hospital north",
        slug="north", issuer=hospital.issuer, client_id=CLIENT, secret="wrong", factor_amr=[], factor_acr=[],
        is_active=True,
    )  # fmt: skip
    fresh = Client()
    hospital.sign_in(fresh)
    assert not signed_in(fresh)


def test_a_provider_that_is_away_or_was_left_is_told_and_one_that_is_off_does_not_exist(people, provider, hospital):
    client = Client()
    back = reverse("openid_connect_callback", args=["north"])
    client.get(f"{back}?error=access_denied&state=x")
    assert "signed nobody in" in said(client)
    IdentityProvider.objects.update(issuer="http://127.0.0.1:9")
    assert hospital.sign_in(client)["Location"] == reverse("login")
    assert "does not answer as it should" in said(client)
    IdentityProvider.objects.update(is_active=False)
    assert client.get(reverse("openid_connect_login", args=["north"])).status_code == 404
    assert "Hospital north" not in said(client)


# --- as data of an administrator -----------------------------------------------------------------------------------


def test_an_administrator_sets_one_up_on_a_page_and_its_secret_is_sealed(people, client_of):
    client = client_of(make_user("admin.north@test.example", Role.ADMINISTRATOR, people.north))
    given = {
        "institution": people.north.pk, "name": "North", "slug": "north", "issuer": "https://login.north.example",
        "client_id": "qfl", "secret": "very secret", "factor_amr": "mfa, hwk", "factor_acr": "", "is_active": "on",
    }  # fmt: skip
    wrong = client.post(reverse("identity_providers"), given | {"issuer": "http://login.north.example"})
    assert wrong.status_code == 400 and "https://" in wrong.content.decode() and not IdentityProvider.objects.exists()
    assert client.post(reverse("identity_providers"), given | {"institution": people.south.pk}).status_code == 400
    assert client.post(reverse("identity_providers"), given).status_code == 302
    row = IdentityProvider.objects.get()
    assert row.secret == "very secret" and row.factor_amr == ["mfa", "hwk"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_identityprovider")
        assert cursor.fetchone()[0].startswith("v1:")
    page = client.get(reverse("identity_provider", args=[row.pk]))
    assert "very secret" not in page.content.decode() and reverse("openid_connect_callback", args=["north"]) in (
        page.content.decode()
    )
    client.post(reverse("identity_provider", args=[row.pk]), given | {"secret": "", "is_active": ""})
    row.refresh_from_db()
    assert row.secret == "very secret" and not row.is_active
    assert client.post(reverse("identity_providers"), given).status_code == 400  # the short name is taken
    stranger = client_of(make_user("admin.south@test.example", Role.ADMINISTRATOR, people.south))
    assert stranger.get(reverse("identity_provider", args=[row.pk])).status_code == 404
    with pytest.raises(Forbidden):
        providers.provider_save(actor=people.officer_north, institution=people.north, issuer="https://x.example")
    with pytest.raises(ApplicationError):
        providers.provider_save(actor=people.administrator, institution=people.north, issuer="ldap://x")
