"""Language and time zone of a person, saved views, and a form that was sent after the session had ended."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.inbox import people_tell
from accounts.models import Message, Preferences, SavedView
from accounts.views_saved import MOST
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def officer(people):
    return people.officer_north


def client_for(who) -> Client:
    client = Client()
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    return client


# --- language and time ---------------------------------------------------------------------------------------------


def test_every_page_speaks_the_persons_language(people, officer):
    Preferences.objects.create(user=officer, language="de")
    client = client_for(officer)
    home = client.get("/").content.decode()
    assert '<html lang="de"' in home and "Was jetzt auf Sie wartet" in home
    reports = client.get(reverse("reports")).content.decode()
    assert '<html lang="de"' in reports and "<h1>Berichte</h1>" in reports and "No report yet" not in reports
    assert '<html lang="en-gb"' in client_for(people.auditor).get("/").content.decode()


def test_what_machines_read_stays_english(officer):
    Preferences.objects.create(user=officer, language="de")
    client = client_for(officer)
    assert "Content-Language" not in client.get("/api/v1/models").headers
    german = {"headers": {"Accept-Language": "de"}}
    assert 'lang="en-gb"' in Client().get(reverse("public_cards"), **german).content.decode()


def test_before_signing_in_the_browser_or_the_button_chooses(officer):
    client = Client()
    assert "Anmelden" in client.get("/login/", headers={"Accept-Language": "de-AT,en;q=0.5"}).content.decode()
    assert "Sign in" in client.get("/login/", headers={"Accept-Language": "fr"}).content.decode()
    assert client.post("/language/", {"language": "de", "next": "/login/"})["Location"] == "/login/"
    page = client.get("/login/").content.decode()
    assert '<html lang="de"' in page and "Patientendaten bleiben" in page
    assert client.post("/language/", {"language": "de", "next": "https://evil.example/"})["Location"] == "/"


def test_moments_are_shown_in_the_persons_zone_and_name_it(officer):
    moment = dt.datetime(2026, 1, 5, 12, 0, tzinfo=dt.UTC)
    Preferences.objects.create(user=officer, time_zone="Asia/Kolkata")
    people_tell(users=[officer.pk], kind="approval", key="k", title="t")
    Message.objects.update(created_at=moment)
    assert "5 Jan 2026, 17:30 IST" in client_for(officer).get(reverse("inbox")).content.decode()
    Preferences.objects.update(time_zone="UTC")
    assert "5 Jan 2026, 12:00 UTC" in client_for(officer).get(reverse("inbox")).content.decode()


# --- saved views ---------------------------------------------------------------------------------------------------


def save(client, name="Failed", **more):
    sent = {"name": name, "path": reverse("audits"), "query": "outcome=fail&page=3", **more}
    return client.post(reverse("view_save"), sent)


def test_a_view_is_saved_without_the_page_one_stood_on_shown_removed_and_brought_back(officer):
    client = client_for(officer)
    assert save(client)["Location"] == "/audits/?outcome=fail"
    view = SavedView.objects.get()
    page = client.get("/audits/?outcome=fail").content.decode()
    assert 'href="/audits/?outcome=fail" aria-current="page">Failed' in page and "Save this view" in page
    assert client.post(reverse("view_remove", args=[view.id]), {"next": "/audits/"})["Location"] == "/audits/"
    page = client.get("/audits/").content.decode()
    assert "was removed" in page and "views__one" not in page
    assert client.post(reverse("view_restore", args=[view.id]))["Location"] == "/audits/?outcome=fail"
    assert "views__one" in client.get("/audits/").content.decode()


def test_the_same_name_takes_the_new_filters(officer):
    client = client_for(officer)
    save(client)
    save(client, query="outcome=pass")
    assert SavedView.objects.get().query == "outcome=pass"


def test_a_shared_view_is_seen_in_the_institution_and_nowhere_else(people, officer):
    save(client_for(officer), share="on")
    save(client_for(officer), name="Mine alone")
    colleague = client_for(people.operator_north).get("/audits/").content.decode()
    assert "Failed" in colleague and "Mine alone" not in colleague and "Remove the view" not in colleague
    assert "views__one" not in client_for(people.officer_south).get("/audits/").content.decode()
    shared = SavedView.objects.get(name="Failed")
    assert client_for(people.operator_north).post(reverse("view_remove", args=[shared.id])).status_code == 404


def test_what_cannot_be_saved_is_said(people, officer, monkeypatch):
    client = client_for(officer)
    for sent, words in (
        ({"path": "//evil.example/"}, "address of a page"), ({"path": "/no/such/"}, "address of a page"),
        ({"name": " "}, "was not saved"), ({"name": "x" * 61}, "was not saved"),
    ):  # fmt: skip
        assert words in str(save(client, next="/audits/", **sent).content) + client.get("/audits/").content.decode()
    save(client_for(people.auditor), share="on")
    SavedView.objects.bulk_create(SavedView(owner=officer, name=f"v{i}", path="/audits/") for i in range(MOST))
    assert "remove one first" in save(client).content.decode() + client.get("/audits/").content.decode()
    assert SavedView.objects.count() == MOST


# --- sessions that ended -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/reports/?kind=custom", "/login/?next=/reports/%3Fkind%3Dcustom"),
        ("https://evil.example/x/", "/login/?next=/"), ("", "/login/?next=/"),
    ],
)  # fmt: skip
def test_a_form_sent_too_late_leads_back_to_its_page(referer, back):
    client = Client(headers={"Referer": referer} if referer else None)
    assert client.post(reverse("report_create"), {"kind": "custom"})["Location"] == back
    assert "nothing was sent" in client.get("/login/").content.decode()


def test_signing_in_remembers_what_was_chosen(officer):
    Preferences.objects.create(user=officer, language="de", shortcuts=False)
    client = Client()
    client.post("/login/", {"username": officer.email, "password": PASSWORD})
    page = client.get("/").content.decode()
    assert '<html lang="de"' in page and "data-shortcuts" not in page
