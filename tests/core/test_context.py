from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Institution
from core.context import governed
from core.models import Outbox
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


def actions() -> list[tuple[str, str]]:
    changes = Outbox.objects.filter(operation="UPDATE").order_by("id")
    return [(change.said.action, change.said.reason) for change in changes]


def test_an_inner_action_gives_the_outer_one_back():
    people = make_people()
    with governed(action="outer", reason="a"):
        Institution.objects.filter(slug="north").update(name="1")
        with governed(action="inner", reason="b"):
            Institution.objects.filter(slug="north").update(name="2")
        Institution.objects.filter(slug="south").update(name="3")
    assert actions() == [("outer", "a"), ("inner", "b"), ("outer", "a")]
    assert people.north.id


@pytest.mark.django_db(transaction=True)
def test_the_context_ends_with_the_transaction():
    make_people()
    with governed(action="first"):
        Institution.objects.filter(slug="north").update(name="1")
    Institution.objects.filter(slug="north").update(name="2")
    assert actions() == [("first", ""), ("", "")]


def test_an_update_of_other_columns_is_no_entry(django_user_model):
    people = make_people()
    before = Outbox.objects.count()
    django_user_model.objects.filter(id=people.auditor.id).update(last_login=timezone.now())
    assert Outbox.objects.count() == before
