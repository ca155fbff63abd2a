"""The second factor, through the pages as a browser meets them: set-up, sign-in, recovery, lost device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import factors, totp
from accounts.middleware import SecondFactorMiddleware
from accounts.models import FactorReset, RecoveryCode, SecondFactor, User
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.models import Outbox
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db
REQUIRED = frozenset({"administrator", "ethics_officer"})


@pytest.fixture
def people():
    return make_people()


def code_of(factor: SecondFactor) -> str:
    factor.refresh_from_db()
    return totp.code_at(str(factor.secret), totp.step_of(timezone.now().timestamp()))


def with_factor(user: User) -> tuple[SecondFactor, list[str]]:
    """A confirmed factor and its recovery codes. It forgets which code confirmed it: no test waits for the next."""
    factor = factors.factor_begin(user=user)
    codes = factors.factor_confirm(user=user, typed=code_of(factor), keep_session=None)
    SecondFactor.objects.filter(pk=factor.pk).update(last_step=0)
    factor.refresh_from_db()
    return factor, codes


def password_given(user: User, then: str = "") -> tuple[Client, object]:
    client = Client()
    target = reverse("login") + (f"?next={then}" if then else "")
    return client, client.post(target, {"username": user.email, "password": PASSWORD, "next": then})


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- set-up --------------------------------------------------------------------------------------------------------


def test_it_is_set_up_with_the_password_confirmed_by_a_code_and_its_recovery_codes_are_shown_once(people, client_of):
    user, client = people.auditor, client_of(people.auditor)
    client.post(reverse("factor_begin"), {"password": "wrong"})
    assert not SecondFactor.objects.exists()
    client.post(reverse("factor_begin"), {"password": PASSWORD})
    factor = SecondFactor.objects.get()
    page = client.get(reverse("factor"))
    assert totp.in_groups(str(factor.secret)) in page.content.decode() and "no-store" in page["Cache-Control"]

    refused = client.post(reverse("factor_confirm"), {"code": "000000"})
    assert refused.status_code == 400 and "does not fit" in refused.content.decode() and factors.of(user) is None

    shown = client.post(reverse("factor_confirm"), {"code": code_of(factor)}).content.decode()
    codes = re.findall(r"<code>((?:[A-Z2-7]{4} ?){4})</code>", shown)
    assert len(codes) == 10 and factors.of(user) == factor
    later = client.get(reverse("factor")).content.decode()
    assert codes[0] not in later and totp.in_groups(str(factor.secret)) not in later
    assert client.post(reverse("factor_confirm"), {"code": code_of(factor)}).status_code == 409


def test_the_secret_and_the_recovery_codes_stand_nowhere_in_clear(people):
    factor, codes = with_factor(people.auditor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_secondfactor")
        stored = cursor.fetchone()[0]
    assert stored.startswith("v1:") and str(factor.secret) not in stored
    bare = {code.replace(" ", "") for code in codes}
    assert not bare & set(RecoveryCode.objects.values_list("digest", flat=True))
    bodies = str(list(Outbox.objects.values_list("body", flat=True)))
    assert "accounts_secondfactor" in set(Outbox.objects.values_list("table", flat=True))
    assert stored not in bodies and "digest" not in bodies.replace("_digest", "") and "last_step" not in bodies


def test_beginning_again_replaces_what_was_not_confirmed_and_there_is_one_factor_at_a_time(people):
    first = factors.factor_begin(user=people.auditor)
    second = factors.factor_begin(user=people.auditor)
    first.refresh_from_db()
    assert first.removed_at and not first.secret
    factors.factor_confirm(user=people.auditor, typed=code_of(second), keep_session=None)
    with pytest.raises(Conflict):
        factors.factor_begin(user=people.auditor)
    with pytest.raises(IntegrityError), transaction.atomic():
        SecondFactor.objects.create(user=people.auditor, secret="x")


# --- sign-in -------------------------------------------------------------------------------------------------------


def test_after_the_password_a_code_is_asked_and_only_then_is_anybody_signed_in(people):
    factor, _ = with_factor(people.auditor)
    client, answer = password_given(people.auditor, then="/people/")
    assert answer.url == reverse("login_code") and not signed_in(client)
    assert client.get(reverse("home")).status_code == 302  # still at the door
    wrong = client.post(reverse("login_code"), {"code": "000000"})
    assert wrong.status_code == 400 and not signed_in(client)
    right = client.post(reverse("login_code"), {"code": code_of(factor)})
    assert right.url == "/people/" and client.get("/people/").status_code == 200


def test_a_code_signs_in_once(people):
    factor, _ = with_factor(people.auditor)
    code = code_of(factor)
    for expected in (302, 400):
        client, _ = password_given(people.auditor)
        assert client.post(reverse("login_code"), {"code": code}).status_code == expected
        assert signed_in(client) is (expected == 302)


def test_a_recovery_code_signs_in_once_however_it_is_spelled(people):
    _, codes = with_factor(people.auditor)
    for typed, expected in ((codes[0].lower().replace(" ", "-"), 302), (codes[0], 400), (codes[1], 302)):
        client, _ = password_given(people.auditor)
        assert client.post(reverse("login_code"), {"code": typed}).status_code == expected
    assert RecoveryCode.objects.filter(used_at=None).count() == 8
    used = Outbox.objects.filter(table="accounts_recoverycode", operation="UPDATE").last()
    assert used.said.action == "factor.use" and used.said.actor == people.auditor.pk


def test_without_the_password_there_is_no_code_page_and_the_password_waits_five_minutes(people, monkeypatch):
    factor, _ = with_factor(people.auditor)
    assert Client().post(reverse("login_code"), {"code": code_of(factor)}).url == reverse("login")
    client, _ = password_given(people.auditor)
    monkeypatch.setattr("qflethics.home.second_step.SECONDS", -1)
    assert client.post(reverse("login_code"), {"code": code_of(factor)}).url == reverse("login")
    assert not signed_in(client)


def test_a_password_changed_between_the_steps_counts_no_more(people):
    factor, _ = with_factor(people.auditor)
    client, _ = password_given(people.auditor)
    people.auditor.set_password("another long password")
    people.auditor.save()
    client.post(reverse("login_code"), {"code": code_of(factor)})
    assert not signed_in(client)


def test_wrong_codes_lock_out_as_wrong_passwords_do(people, settings):
    factor, _ = with_factor(people.auditor)
    client, _ = password_given(people.auditor)
    answers = [client.post(reverse("login_code"), {"code": "000000"}) for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert {a.status_code for a in answers[:-1]} == {400} and answers[-1].status_code == 429
    assert "Too many attempts" in answers[-1].content.decode()
    again, answer = password_given(people.auditor)
    assert answer.status_code == 429  # the right password does not help, nor would the right code
    assert not signed_in(again)


def test_wrong_codes_from_many_addresses_close_the_factor_for_a_while(people, monkeypatch):
    factor, _ = with_factor(people.auditor)
    monkeypatch.setattr(factors, "FAILURES_ALLOWED", 3)
    for _ in range(3):
        with pytest.raises(factors.WrongCode):
            factors.check(user=people.auditor, typed="000000")
    with pytest.raises(factors.WrongCode, match="refused until"):
        factors.check(user=people.auditor, typed=code_of(factor))
    SecondFactor.objects.update(refused_until=timezone.now() - timedelta(seconds=1))
    for _ in range(3):
        with pytest.raises(factors.WrongCode):
            factors.check(user=people.auditor, typed="000000")
    factor.refresh_from_db()
    assert factor.refused_until > timezone.now() + 1.9 * factors.REFUSED_FOR  # each pause is longer
    SecondFactor.objects.update(refused_until=timezone.now() - timedelta(seconds=1))
    assert factors.check(user=people.auditor, typed=code_of(factor)).failures == 0


# --- roles that must have one --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "held_back"), [("administrator", True), ("officer_north", True), ("clinician", False)])
def test_where_a_role_demands_one_nothing_else_is_reached(people, client_of, settings, who, held_back):
    settings.MFA_REQUIRED_ROLES = REQUIRED
    client = client_of(getattr(people, who))
    assert client.get(reverse("home")).status_code == (302 if held_back else 200)
    assert client.get(reverse("api_models")).status_code == (403 if held_back else 200)
    assert client.get(reverse("factor")).status_code == 200
    if held_back:
        assert client.get(reverse("home")).url == reverse("factor")
        assert client.get(reverse("api_models")).json()["code"] == "second_factor_required"
        assert client.get(reverse("account")).url == reverse("factor")
        assert client.post(reverse("password_change")).status_code == 302
    assert client.post(reverse("logout")).url == reverse("login")


def test_the_code_of_the_confirmation_does_not_sign_in_again(people):
    factor = factors.factor_begin(user=people.auditor)
    code = code_of(factor)
    factors.factor_confirm(user=people.auditor, typed=code, keep_session=None)
    with pytest.raises(factors.WrongCode):
        factors.check(user=people.auditor, typed=code)


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
    client, other = client_of(people.administrator), client_of(people.administrator)
    client.post(reverse("factor_begin"), {"password": PASSWORD})
    client.post(reverse("factor_confirm"), {"code": code_of(SecondFactor.objects.get())})
    assert client.get(reverse("home")).status_code == 200
    assert other.get(reverse("home")).url.startswith(reverse("login"))  # ended when the factor came into force
    late = client_of(people.administrator)  # a session that was opened without the code, by whatever way
    assert late.get(reverse("home")).url == reverse("login") and not signed_in(late)


def test_only_the_session_that_gave_the_password_sees_and_confirms_what_was_begun(people, client_of):
    client, thief = client_of(people.auditor), client_of(people.auditor)
    client.post(reverse("factor_begin"), {"password": PASSWORD})
    factor = SecondFactor.objects.get()
    assert totp.in_groups(str(factor.secret)) not in thief.get(reverse("factor")).content.decode()
    assert thief.post(reverse("factor_confirm"), {"code": code_of(factor)}).status_code == 409
    assert factors.of(people.auditor) is None
    assert client.post(reverse("factor_confirm"), {"code": code_of(factor)}).status_code == 200


def test_it_can_be_given_up_with_a_code_but_not_where_the_role_demands_it(people, client_of, settings):
    factor, _ = with_factor(people.administrator)
    settings.MFA_REQUIRED_ROLES = REQUIRED
    with pytest.raises(Forbidden):
        factors.factor_remove(user=people.administrator, typed=code_of(factor))
    settings.MFA_REQUIRED_ROLES = frozenset()
    client = client_of(people.administrator)
    client.post(reverse("factor_remove"), {"code": "000000"})
    assert factors.of(people.administrator) is not None
    client.post(reverse("factor_remove"), {"code": code_of(factor)})
    assert factors.of(people.administrator) is None and not SecondFactor.objects.get().secret


def test_new_recovery_codes_end_the_old_ones(people, client_of):
    factor, old = with_factor(people.auditor)
    client = client_of(people.auditor)
    assert client.post(reverse("factor_codes"), {"code": "000000"}).status_code == 302
    assert client.post(reverse("factor_codes"), {"code": code_of(factor)}).status_code == 200
    with pytest.raises(factors.WrongCode):
        factors.check(user=people.auditor, typed=old[0])
    assert RecoveryCode.objects.count() == 10


# --- a lost device -------------------------------------------------------------------------------------------------


def test_a_lost_device_is_reset_by_two_administrators_and_signs_the_person_out(people, client_of):
    with_factor(people.officer_north)
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
    assert factors.of(people.officer_north) is None and theirs.get(reverse("home")).status_code == 302
    entry = Outbox.objects.filter(table="accounts_factorreset", operation="UPDATE").get()
    assert entry.said.action == "factor.reset_grant" and entry.said.actor == people.administrator2.pk
    with pytest.raises(Conflict):
        factors.reset_grant(reset_id=reset.pk, actor=people.administrator2)


def test_a_reset_needs_a_reason_a_factor_and_somebody_else(people):
    with pytest.raises(Conflict):
        factors.reset_request(user=people.auditor, actor=people.administrator, reason="lost")
    with_factor(people.auditor)
    with pytest.raises(ApplicationError, match="Say why"):
        factors.reset_request(user=people.auditor, actor=people.administrator, reason="  ")
    for actor in (people.auditor, people.officer_north):
        with pytest.raises(Forbidden):
            factors.reset_request(user=people.auditor, actor=actor, reason="lost")
    with_factor(people.administrator)
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
    with_factor(people.auditor)
    reset = factors.reset_request(user=people.auditor, actor=people.administrator, reason="lost")
    with pytest.raises(IntegrityError), transaction.atomic():
        FactorReset.objects.filter(pk=reset.pk).update(granted_by=getattr(people, granter), granted_at=timezone.now())


def test_an_erased_person_leaves_no_factor_behind(people):
    with_factor(people.auditor)
    assert factors.forget(str(people.auditor.pk)) == {"second factors": 1}
    assert not SecondFactor.objects.get().secret and not RecoveryCode.objects.exists()
