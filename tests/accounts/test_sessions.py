from __future__ import annotations

import time

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from accounts import sessions
from accounts.models import SignedIn
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604.1"


@pytest.fixture
def people():
    return make_people()


def browser(user, agent: str = FIREFOX) -> Client:
    client = Client(HTTP_USER_AGENT=agent)
    client.post(reverse("login"), {"username": user.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


def inside(client: Client) -> bool:
    return client.get(reverse("home")).status_code == 200


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"), (SAFARI, "Safari on iPhone"),
        ("", "Unknown device"), ("curl/8.1", "Unknown device"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/138.0 Safari/537.36 Edg/138.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/138.0 Mobile Safari/537.36", "Chrome on Android"),
    ],
)  # fmt: skip
def test_a_device_is_named_in_words(agent, device):
    assert sessions.device_of(agent) == device


def test_the_account_lists_where_one_is_signed_in_and_marks_this_one(people):
    here, _ = browser(people.clinician), browser(people.clinician, SAFARI)
    browser(people.auditor, "curl/8.1")
    page = here.get(reverse("account")).content.decode()
    assert "Safari on iPhone" in page and "Unknown device" not in page
    assert page.index("Firefox on Linux") < page.index("This one")
    assert page.count("This one") == 1 and here.session.session_key not in page


def test_one_other_session_or_all_others_are_signed_out_and_nobody_elses(people):
    here, phone, tablet = browser(people.clinician), browser(people.clinician, SAFARI), browser(people.clinician)
    stranger = browser(people.auditor)
    row = SignedIn.objects.get(session_key=phone.session.session_key)
    assert stranger.post(reverse("session_end"), {"session": sessions.number_of(row)}).status_code == 302
    assert inside(phone)
    here.post(reverse("session_end"), {"session": sessions.number_of(row)})
    assert not inside(phone) and inside(tablet)
    here.post(reverse("session_end"))
    assert inside(here) and not inside(tablet) and inside(stranger)


def test_a_changed_password_ends_every_other_session(people):
    here, phone = browser(people.clinician), browser(people.clinician, SAFARI)
    new = {"new_password1": "another staple battery", "new_password2": "another staple battery"}
    wrong = here.post(reverse("password_change"), {"old_password": "wrong", **new})
    assert wrong.status_code == 200 and inside(phone)
    assert here.post(reverse("password_change"), {"old_password": PASSWORD, **new}).url == reverse("account")
    assert inside(here) and not inside(phone)
    (row,) = sessions.listed(people.clinician)
    assert row.session_key == here.session.session_key


def test_guesses_at_the_old_password_count_towards_the_lock_out(people, settings):
    here = browser(people.clinician)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        here.post(reverse("password_change"), {"old_password": "wrong", "new_password1": "x", "new_password2": "x"})
    given = {"username": people.clinician.email, "password": PASSWORD}
    assert Client().post(reverse("login"), given).status_code == 429


def test_use_is_noted_every_few_minutes_and_not_at_each_request(people, django_assert_num_queries):
    here = browser(people.clinician)
    before = SignedIn.objects.get().seen_at
    here.get(reverse("home"))
    assert SignedIn.objects.get().seen_at == before
    session = here.session
    session["seen"] = time.time() - 301
    session.save()
    here.get(reverse("home"))
    assert SignedIn.objects.get().seen_at > before


def test_sessions_that_ended_are_not_listed_and_are_forgotten_at_the_next_sign_in(people):
    browser(people.clinician).post(reverse("logout"))
    Session.objects.all().delete()
    assert sessions.listed(people.clinician) == []
    browser(people.clinician)
    assert SignedIn.objects.count() == 1
