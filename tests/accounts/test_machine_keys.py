from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey
from core.errors import ApplicationError, Forbidden
from core.models import Outbox
from core.roles import MATRIX, Role
from tests.factories.people import make_people, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return make_people()


def asked_with(secret: str) -> int:
    return Client().get(reverse("api_models"), headers={"Authorization": f"Api-Key {secret}"}).status_code


def test_an_administrator_issues_a_key_that_is_shown_once_works_and_is_revoked(people, client_of):
    client = client_of(people.administrator)
    given = {"name": "PACS", "institution": people.north.pk, "actions": ["model.view"], "days": 30}
    page = client.post(reverse("machine_keys"), given).content.decode()
    secret = re.search(r"qfl_[0-9a-f]{12}_[\w-]{43}", page).group()
    key = ApiKey.objects.get()
    assert secret not in client.get(reverse("machine_keys")).content.decode()
    assert 29 < (key.expires_at - timezone.now()).days + 1 <= 30
    assert asked_with(secret) == 200
    client.post(reverse("machine_key_revoke", args=[key.pk]))
    assert asked_with(secret) == 401
    said = [row.said.action for row in Outbox.objects.filter(table="accounts_apikey").order_by("id")]
    assert said == ["api_key.issue", "api_key.revoke"]  # use is not followed
    assert client.post(reverse("machine_key_revoke", args=[key.pk])).status_code == 409


def test_use_is_noted_to_within_ten_minutes(people):
    key, secret = keys.key_issue(
        actor=people.administrator, name="PACS", institution=people.north, actions=["model.view"], days=1
    )
    assert key.last_used_at is None
    asked_with(secret)
    key.refresh_from_db()
    first = key.last_used_at
    asked_with(secret)
    key.refresh_from_db()
    assert first is not None and key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=11))
    asked_with(secret)
    key.refresh_from_db()
    assert key.last_used_at > first


@pytest.mark.parametrize(
    "wrong",
    [
        {"actions": []}, {"actions": ["approval.decide"]}, {"actions": ["no.such"]}, {"days": 0}, {"days": 367},
        {"days": "x"}, {"name": ""}, {"institution": "x"},
    ],
)  # fmt: skip
def test_what_is_no_key_is_told_and_nothing_is_issued(people, client_of, wrong):
    given = {"name": "PACS", "institution": people.north.pk, "actions": ["model.view"], "days": 30} | wrong
    answer = client_of(people.administrator).post(reverse("machine_keys"), given)
    assert answer.status_code == 400 and not ApiKey.objects.exists()


def test_an_administrator_of_one_house_keeps_to_it(people, client_of):
    local = make_user("admin.north@test.example", Role.ADMINISTRATOR, people.north)
    foreign, _ = keys.key_issue(
        actor=people.administrator, name="Far", institution=people.south, actions=["model.view"], days=1
    )
    with pytest.raises(Forbidden):
        keys.key_issue(actor=local, name="x", institution=people.south, actions=["model.view"], days=1)
    with pytest.raises(Forbidden):
        keys.key_issue(actor=people.officer_north, name="x", institution=people.north, actions=["model.view"], days=1)
    with pytest.raises(ApplicationError):
        keys.key_issue(actor=local, name="x", institution=people.north, actions=["deployment.halt"], days=1)
    client = client_of(local)
    assert "Far" not in client.get(reverse("machine_keys")).content.decode()
    assert client.post(reverse("machine_key_revoke", args=[foreign.pk])).status_code == 404
    keys.key_issue(actor=local, name="Near", institution=people.north, actions=["model.view"], days=1)


def test_what_machines_may_do_is_reading_and_recording():
    assert set(keys.MACHINE_ACTIONS) <= set(MATRIX)
    assert not {
        a for a in keys.MACHINE_ACTIONS if a.split(".")[1] in {"decide", "halt", "reinstate", "erase", "manage"}
    }


def test_each_right_of_a_machine_is_said_in_words():
    assert set(keys.IN_WORDS) == set(keys.MACHINE_ACTIONS)
