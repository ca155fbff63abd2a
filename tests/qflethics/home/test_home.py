"""The home page, the sign-in page and the pages of errors."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from federation.models import TrainingRun
from provenance.sequencing import load_frontier, sequence
from tests.factories.federation import make_federation, make_run
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world():
    return make_federation(make_people())


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def test_home_answers_what_needs_the_person_now(world):
    run = make_run(world)
    text = signed_in(world.people.operator_north).get("/").content.decode()
    assert "signature is asked" in text and reverse("run_terms", args=[run.id]) in text
    assert "/live/home/" in text


def test_home_of_somebody_without_tasks_says_so(world):
    assert "Nothing waits for you" in signed_in(world.people.clinician).get("/").content.decode()


def test_home_says_what_belongs_there_to_whoever_has_no_role_in_a_federation(world):
    text = signed_in(world.people.outsider).get("/").content.decode()
    assert "Nothing waits for you" in text and "Trial" not in text


def test_asked_by_htmx_home_is_the_changing_part_alone(world):
    response = signed_in(world.people.auditor).get("/", headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode() and "HX-Request" in response["Vary"]


def test_activity_shows_what_and_when_but_no_person(world):
    make_run(world)
    sequence(load_frontier())
    text = signed_in(world.people.auditor).get("/").content.decode()
    assert "Training run recorded" in text and "Participant recorded" in text
    assert world.people.administrator.email not in text and str(world.people.administrator.id) not in text


def test_clinicians_see_no_ledger_activity(world):
    assert "Recent activity" not in signed_in(world.people.clinician).get("/").content.decode()


def test_home_takes_few_queries_however_much_waits(world, django_assert_max_num_queries):
    for _ in range(12):
        make_run(world, state=TrainingRun.State.APPROVED)
    client = signed_in(world.people.administrator)
    with django_assert_max_num_queries(30):
        client.get("/")


def test_signing_in_leads_home_and_back_to_where_one_was_going(world):
    client = Client()
    there = client.get("/federations/")
    assert there["Location"] == "/login/?next=/federations/"
    page = client.get(there["Location"]).content.decode()
    assert 'name="next" value="/federations/"' in page
    body = {"username": world.people.auditor.email, "password": PASSWORD}
    assert client.post("/login/", {**body, "next": "/federations/"})["Location"] == "/federations/"
    assert Client().post("/login/", body)["Location"] == "/"
    assert client.get("/login/")["Location"] == "/"


def test_signing_in_never_leads_to_another_host(world):
    body = {"username": world.people.auditor.email, "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/login/", body)["Location"] == "/"


def test_a_wrong_password_is_said_plainly_and_does_not_tell_whether_the_account_exists(world):
    answers = []
    for email in (world.people.auditor.email, "nobody@test.example"):
        response = Client().post("/login/", {"username": email, "password": "wrong"})
        assert response.status_code == 200
        answers.append(response.content.decode().replace(email, ""))
    assert "do not belong together" in answers[0]
    assert "do not belong together" in answers[1]


def test_too_many_failures_show_a_clear_page_even_with_the_right_password(world, settings):
    settings.AXES_FAILURE_LIMIT = 3
    body = {"username": world.people.auditor.email, "password": "wrong"}
    codes = [Client().post("/login/", body).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    response = Client().post("/login/", {**body, "password": PASSWORD})
    text = response.content.decode()
    assert response.status_code == 429 and "Too many attempts" in text and "Wait 15 minutes" in text
    assert response["Retry-After"] == "900"


def test_other_capitals_do_not_start_a_new_count_and_other_people_are_not_locked_out(world, settings):
    settings.AXES_FAILURE_LIMIT = 2
    email = world.people.auditor.email
    codes = [
        Client().post("/login/", {"username": name, "password": "wrong"}).status_code for name in (email, email.upper())
    ]
    assert codes == [200, 429]
    other = {"username": world.people.administrator.email.upper(), "password": PASSWORD}
    assert Client().post("/login/", other).status_code == 302


def test_error_pages_say_what_happened_and_what_to_do(world):
    client = signed_in(world.people.auditor)
    missing = client.get("/nothing/here/")
    assert missing.status_code == 404 and "There is no such page for you" in missing.content.decode()
    denied = signed_in(world.people.clinician).get("/federations/")
    assert denied.status_code == 403 and "Your role does not permit this" in denied.content.decode()


def test_a_failure_of_ours_shows_a_page_with_the_request_number_and_no_detail(world, monkeypatch):
    monkeypatch.setattr("qflethics.home.views.needs_of", lambda user: 1 / 0)
    client = signed_in(world.people.auditor)
    client.raise_request_exception = False
    response = client.get("/", headers={"X-Request-Id": "request-12345"})
    text = response.content.decode()
    assert response.status_code == 500 and "request-12345" in text and "ZeroDivision" not in text


def test_the_page_of_a_broken_service_needs_no_database(monkeypatch, rf):
    from qflethics.home.views import server_error

    assert server_error(rf.get("/")).status_code == 500


def test_health_needs_no_sign_in():
    assert Client().get("/health/live").status_code == 200
    assert Client().get("/health/ready").json() == {"status": "ok"}
