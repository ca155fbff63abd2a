"""The second factor, through the pages as a browser meets them: set-up, sign-in, recovery, lost device."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import factors
from accounts.middleware import SecondFactorMiddleware
from accounts.models import Factor, FactorReset, SignIn
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.models import Outbox
from tests.factories.factors import (
    code_at,
    code_of,
    make_app,
    password_given,
    proved,
    recovery_codes_of,
    secret_of,
    signed_in,
)  # fmt: skip
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db
REQUIRED = frozenset({"administrator", "ethics_officer"})


@pytest.fixture
def people():
    return make_people()


def set_up(client: Client, code: str | None = None):
    """Open the page of the set-up, and confirm with the code that fits what it shows (or with the one given)."""
    shown = client.get(reverse("mfa_activate_totp")).content.decode()
    secret = re.search(r"<code>((?:[A-Z2-7]{4} ?){8})</code>", shown).group(1).replace(" ", "")
    return secret, client.post(reverse("mfa_activate_totp"), {"code": code or code_at(secret)})


# --- set-up --------------------------------------------------------------------------------------------------------


def test_it_is_set_up_with_the_password_confirmed_by_a_code_and_its_recovery_codes_are_shown_once(people, client_of):
    user, client, other = people.auditor, client_of(people.auditor), password_given(people.auditor)[0]
    asked = client.get(reverse("mfa_activate_totp"))
    assert asked.status_code == 302 and asked["Location"].startswith(reverse("account_reauthenticate"))
    assert client.post(reverse("account_reauthenticate"), {"password": "wrong"}).status_code == 200
    assert client.get(reverse("mfa_activate_totp")).status_code == 302
    proved(client)
    page = client.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200 and "no-store" in page["Cache-Control"] and "<svg" in page.content.decode()

    _, refused = set_up(client, "000000")
    assert refused.status_code == 200 and "The code is wrong" in refused.content.decode()
    assert not factors.held_by(user).exists() and signed_in(other)

    secret, done = set_up(client)
    assert done["Location"] == reverse("mfa_view_recovery_codes")
    assert factors.held_by(user).get().type == "totp" and not signed_in(other)  # every other session ended
    shown = client.get(reverse("mfa_view_recovery_codes"))
    codes = re.findall(r"<code>(\d{4} \d{4} \d{4} \d{4})</code>", shown.content.decode())
    assert len(set(codes)) == 10 and "no-store" in shown["Cache-Control"]
    later = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert codes[0] not in later and secret not in client.get(reverse("mfa_index")).content.decode()


def test_the_secret_and_the_recovery_codes_stand_nowhere_in_clear(people, client_of):
    client = proved(client_of(people.auditor))
    secret, _ = set_up(client)
    codes = recovery_codes_of(people.auditor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = "".join(text for (text,) in cursor.fetchall())
    sessions = "".join(str(session.get_decoded()) for session in Session.objects.all())
    bodies = str(list(Outbox.objects.values_list("body", flat=True)))
    assert secret not in stored + sessions + bodies and not any(code in stored + bodies for code in codes)
    entry = Outbox.objects.filter(table="mfa_authenticator", operation="INSERT").first()
    assert set(entry.body) == {"id", "user_id", "type", "created_at"}
    assert (entry.said.action, entry.said.actor) == ("factor.add", people.auditor.pk)


def test_there_is_one_app_at_a_time(people, client_of):
    make_app(people.auditor)
    with pytest.raises(IntegrityError), transaction.atomic():
        Authenticator.objects.create(user=people.auditor, type="totp", data={})


def test_who_has_a_factor_proves_themselves_by_it_and_not_by_the_password_alone(people, client_of):
    factor, client = make_app(people.auditor), client_of(people.auditor)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.get(reverse("mfa_deactivate_totp"))["Location"].startswith(reverse("mfa_reauthenticate"))
    client.post(reverse("mfa_reauthenticate"), {"code": code_of(factor)})
    assert client.get(reverse("mfa_deactivate_totp")).status_code == 200


def test_only_the_session_that_began_it_confirms_it(people, client_of):
    client, thief = proved(client_of(people.auditor)), client_of(people.auditor)
    secret, _ = set_up(client, "000000")
    assert thief.post(reverse("mfa_activate_totp"), {"code": code_at(secret)}).status_code == 302
    assert not factors.held_by(people.auditor).exists()


# --- sign-in -------------------------------------------------------------------------------------------------------


def test_after_the_password_a_code_is_asked_and_only_then_is_anybody_signed_in(people):
    factor = make_app(people.auditor)
    client, answer = password_given(people.auditor, then="/people/")
    assert answer.url == reverse("mfa_authenticate") and not signed_in(client)
    assert client.get(reverse("home")).status_code == 302  # still at the door
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.status_code == 400 and not signed_in(client) and not SignIn.objects.exists()
    right = client.post(reverse("mfa_authenticate"), {"code": code_of(factor)})
    assert right.url == "/people/" and client.get("/people/").status_code == 200
    assert SignIn.objects.get().ways == "password, totp"
    said = Outbox.objects.get(table="accounts_signin")
    assert said.said.action == "sign_in" and said.said.actor == people.auditor.pk


def test_no_address_stands_in_a_session_between_the_steps_or_after_them(people):
    factor = make_app(people.auditor)
    client, _ = password_given(people.auditor)
    between = str(client.session.items())
    client.post(reverse("mfa_authenticate"), {"code": code_of(factor)})
    assert "auditor@" not in between + str(client.session.items())


def test_a_code_signs_in_once(people):
    code = code_of(make_app(people.auditor))
    for expected in (302, 400):
        client, _ = password_given(people.auditor)
        assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == expected
        assert signed_in(client) is (expected == 302)


def test_the_code_of_the_confirmation_does_not_sign_in_again(people, client_of):
    secret, _ = set_up(proved(client_of(people.auditor)))
    client, _ = password_given(people.auditor)
    assert client.post(reverse("mfa_authenticate"), {"code": code_at(secret)}).status_code == 400


def test_a_recovery_code_signs_in_once_however_it_is_spelled(people):
    make_app(people.auditor)
    codes = recovery_codes_of(people.auditor)
    spelled = "-".join((codes[0][:8], codes[0][8:]))
    for typed, expected in ((spelled, 302), (codes[0], 400), (codes[1], 302)):
        client, _ = password_given(people.auditor)
        assert client.post(reverse("mfa_authenticate"), {"code": typed}).status_code == expected
    assert len(recovery_codes_of(people.auditor)) == 8
    assert SignIn.objects.first().ways == "password, recovery_codes"


def test_without_the_password_there_is_no_code_page_and_the_password_waits_five_minutes(people, settings):
    factor = make_app(people.auditor)
    assert Client().post(reverse("mfa_authenticate"), {"code": code_of(factor)}).url == reverse("login")
    client, _ = password_given(people.auditor)
    settings.ACCOUNT_LOGIN_TIMEOUT = -1
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(factor)}).url == reverse("login")
    assert not signed_in(client)


def test_a_password_changed_between_the_steps_counts_no_more(people):
    factor = make_app(people.auditor)
    client, _ = password_given(people.auditor)
    people.auditor.set_password("another long password")
    people.auditor.save()
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(factor)}).url == reverse("login")
    assert not signed_in(client)


def test_wrong_codes_lock_out_as_wrong_passwords_do(people, settings):
    settings.AXES_FAILURE_LIMIT = 4
    factor = make_app(people.auditor)
    client, _ = password_given(people.auditor)
    answers = [client.post(reverse("mfa_authenticate"), {"code": "000000"}) for _ in range(4)]
    assert {a.status_code for a in answers[:-1]} == {400} and answers[-1].status_code == 429
    assert "Too many attempts" in answers[-1].content.decode()
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(factor)}).status_code == 429
    again, answer = password_given(people.auditor)
    assert answer.status_code == 429  # the right password does not help, nor would the right code
    assert not signed_in(again)


def test_wrong_codes_from_many_addresses_close_the_factor_for_a_while(people):
    factor = make_app(people.auditor)
    client, _ = password_given(people.auditor)
    for number in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"}, REMOTE_ADDR=f"10.0.0.{number}")
    answer = client.post(reverse("mfa_authenticate"), {"code": code_of(factor)}, REMOTE_ADDR="10.0.0.99")
    assert answer.status_code == 400 and "Too many wrong codes" in answer.content.decode() and not signed_in(client)


def test_an_answer_that_no_key_gives_is_told_and_never_a_fault_of_ours(people, client_of):
    make_app(people.auditor)
    own, stranger = proved(client_of(people.clinician)), Client()
    between, _ = password_given(people.auditor)
    for credential in (
        "",
        "x",
        "[]",
        "{}",
        "null",
        '"x"',
        '{"response": 5}',
        '{"id": "x", "response": {"userHandle": 1}}',
    ):
        for client, name in (
            (stranger, "mfa_login_webauthn"),
            (between, "mfa_authenticate"),
            (own, "mfa_add_webauthn"),
        ):
            client.get(reverse(name), headers={"Accept": "application/json"})
            answer = client.post(reverse(name), {"credential": credential})
            assert answer.status_code < 500, (name, credential)
    assert not signed_in(stranger) and not signed_in(between) and not factors.held_by(people.clinician).exists()


# --- roles that must have one --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "held_back"), [("administrator", True), ("officer_north", True), ("clinician", False)])
def test_where_a_role_demands_one_nothing_else_is_reached(people, client_of, settings, who, held_back):
    settings.MFA_REQUIRED_ROLES = REQUIRED
    client = client_of(getattr(people, who))
    assert client.get(reverse("home")).status_code == (302 if held_back else 200)
    assert client.get(reverse("api_models")).status_code == (403 if held_back else 200)
    assert client.get(reverse("mfa_index")).status_code == 200
    if held_back:
        assert client.get(reverse("home")).url == reverse("mfa_index")
        assert client.get(reverse("api_models")).json()["code"] == "second_factor_required"
        assert client.get(reverse("account")).url == reverse("mfa_index")
        assert client.post(reverse("password_change")).status_code == 302
    assert client.post(reverse("logout")).url == reverse("login")


def test_a_role_that_does_not_exist_stops_the_process(settings):
    settings.MFA_REQUIRED_ROLES = frozenset({"administrators"})
    with pytest.raises(ImproperlyConfigured, match="got administrators"):
        SecondFactorMiddleware(lambda request: None)


def test_production_demands_it_of_officers_and_administrators():
    code = "from django.conf import settings; print(sorted(settings.MFA_REQUIRED_ROLES))"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "qflethics.settings.prod"}
    environment.pop("MFA_REQUIRED_ROLES", None)
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['administrator', 'ethics_officer']"


def test_confirming_lets_the_same_session_go_on_and_a_session_without_the_code_does_not(people, client_of, settings):
    settings.MFA_REQUIRED_ROLES = REQUIRED
    client = proved(client_of(people.administrator))
    set_up(client)
    assert client.get(reverse("home")).status_code == 200
    late = client_of(people.administrator)  # a session that was opened without the code, by whatever way
    assert late.get(reverse("home")).url == reverse("login") and not signed_in(late)


def test_where_a_factor_has_gone_no_session_goes_on_that_was_opened_with_it(people, settings):
    factor = make_app(people.officer_north)
    here, there = (password_given(people.officer_north)[0] for _ in range(2))
    for client in (here, there):
        client.post(reverse("mfa_authenticate"), {"code": code_of(factor)})
        assert signed_in(client)
    here.post(reverse("mfa_reauthenticate"), {"code": code_of(factor)})
    here.post(reverse("mfa_deactivate_totp"))
    assert not factors.held_by(people.officer_north).exists() and not Factor.objects.exists()
    assert signed_in(here) and not signed_in(there)
    settings.MFA_REQUIRED_ROLES = REQUIRED  # and what this one has shown counts no more
    assert here.get(reverse("home")).url == reverse("mfa_index")


def test_a_factor_that_went_behind_the_pages_takes_its_sessions_along(people, settings):
    settings.MFA_REQUIRED_ROLES = REQUIRED
    factor = make_app(people.officer_north)
    client, _ = password_given(people.officer_north)
    client.post(reverse("mfa_authenticate"), {"code": code_of(factor)})
    assert client.get(reverse("home")).status_code == 200
    Factor.objects.filter(pk=factor.pk).delete()
    assert client.get(reverse("home")).url == reverse("mfa_index")


def test_it_can_be_given_up_with_a_code_but_not_where_the_role_demands_it(people, client_of, settings):
    factor, client = make_app(people.administrator), client_of(people.administrator)
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert factors.held_by(people.administrator).exists()
    client.post(reverse("mfa_reauthenticate"), {"code": code_of(factor)})
    settings.MFA_REQUIRED_ROLES = REQUIRED
    refused = client.post(reverse("mfa_deactivate_totp"))
    assert "Your role demands a second factor" in refused.content.decode()
    assert factors.held_by(people.administrator).exists()
    settings.MFA_REQUIRED_ROLES = frozenset()
    client.post(reverse("mfa_deactivate_totp"))
    assert not Factor.objects.exists()
    gone = Outbox.objects.filter(table="mfa_authenticator", operation="DELETE").first()
    assert gone.said.action == "factor.remove" and gone.said.actor == people.administrator.pk


def test_new_recovery_codes_end_the_old_ones(people, client_of):
    factor, client = make_app(people.auditor), client_of(people.auditor)
    old = recovery_codes_of(people.auditor)
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    assert recovery_codes_of(people.auditor) == old
    client.post(reverse("mfa_reauthenticate"), {"code": code_of(factor)})
    client.post(reverse("mfa_generate_recovery_codes"))
    assert not set(old) & set(recovery_codes_of(people.auditor)) and len(recovery_codes_of(people.auditor)) == 10
    assert "Recovery codes wait for you" in client.get(reverse("home")).content.decode()


# --- a lost device -------------------------------------------------------------------------------------------------


def test_a_lost_device_is_reset_by_two_administrators_and_signs_the_person_out(people, client_of):
    make_app(people.officer_north)
    theirs, first, second = (client_of(u) for u in (people.officer_north, people.administrator, people.administrator2))
    asked = first.post(reverse("factor_reset", args=[people.officer_north.pk]), {"reason": "Phone lost, I know her."})
    assert asked.url == reverse("people")
    reset = FactorReset.objects.get()
    assert "A lost device" in second.get(reverse("home")).content.decode()
    assert "A lost device" not in first.get(reverse("home")).content.decode()
    assert first.post(reverse("factor_reset_grant", args=[reset.pk])).status_code == 403  # who asked does not grant
    assert theirs.post(reverse("factor_reset_grant", args=[reset.pk])).status_code == 403
    page = second.get(reverse("account")).content.decode()
    assert "Phone lost, I know her." in page
    assert second.post(reverse("factor_reset_grant", args=[reset.pk])).status_code == 302
    assert not factors.held_by(people.officer_north).exists() and theirs.get(reverse("home")).status_code == 302
    entry = Outbox.objects.filter(table="accounts_factorreset", operation="UPDATE").get()
    assert entry.said.action == "factor.reset_grant" and entry.said.actor == people.administrator2.pk
    with pytest.raises(Conflict):
        factors.reset_grant(reset_id=reset.pk, actor=people.administrator2)


def test_a_reset_needs_a_reason_a_factor_and_somebody_else(people):
    with pytest.raises(Conflict):
        factors.reset_request(user=people.auditor, actor=people.administrator, reason="lost")
    make_app(people.auditor)
    with pytest.raises(ApplicationError, match="Say why"):
        factors.reset_request(user=people.auditor, actor=people.administrator, reason="  ")
    for actor in (people.auditor, people.officer_north):
        with pytest.raises(Forbidden):
            factors.reset_request(user=people.auditor, actor=actor, reason="lost")
    make_app(people.administrator)
    with pytest.raises(Forbidden):
        factors.reset_request(user=people.administrator, actor=people.administrator, reason="lost")
    reset = factors.reset_request(user=people.auditor, actor=people.administrator, reason="lost")
    with pytest.raises(Conflict):
        factors.reset_request(user=people.auditor, actor=people.administrator2, reason="lost")
    FactorReset.objects.update(expires_at=timezone.now())
    with pytest.raises(Conflict, match="expired"):
        factors.reset_grant(reset_id=reset.pk, actor=people.administrator2)
    with pytest.raises(NotFound):
        factors.reset_grant(reset_id=reset.pk, actor=people.officer_north)


@pytest.mark.parametrize("granter", ["administrator", "auditor"])
def test_the_database_itself_refuses_a_grant_by_who_asked_or_by_the_person(people, granter):
    make_app(people.auditor)
    reset = factors.reset_request(user=people.auditor, actor=people.administrator, reason="lost")
    with pytest.raises(IntegrityError), transaction.atomic():
        FactorReset.objects.filter(pk=reset.pk).update(granted_by=getattr(people, granter), granted_at=timezone.now())


def test_an_erased_person_leaves_no_factor_behind(people):
    factor = make_app(people.auditor)
    assert secret_of(factor)
    assert factors.forget(str(people.auditor.pk)) == {"second factors": 2} and not Factor.objects.exists()
