"""An empty platform says what each role does first; what is on record is ticked off."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Preferences
from federation.models import Participant
from qflethics.home.first_steps import first_steps
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


def test_each_role_begins_somewhere_and_records_tick_it_off():
    people = make_people()
    for who in ("administrator", "officer_north", "auditor", "operator_north", "clinician"):
        steps = first_steps(getattr(people, who))
        assert steps and not any(step.done for step in steps) and all(step.url and step.why for step in steps), who
    world = make_federation(people)
    make_run(world)
    done = {step.title for step in first_steps(people.administrator) if step.done}
    assert done == {"Propose a training run"}
    Participant.objects.filter(site="north").update(last_seen_at=world.federation.created_at)
    assert [step.done for step in first_steps(people.operator_north)] == [True, False]
    assert not any(step.done for step in first_steps(people.operator_south))


def test_the_list_is_put_away_and_comes_back():
    people = make_people()
    client = Client()
    client.force_login(people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    assert "First steps" in client.get("/").content.decode()
    client.post("/account/first-steps/")
    assert "First steps" not in client.get("/").content.decode()
    client.post("/account/first-steps/", {"show": "1"})
    assert "First steps" in client.get("/").content.decode() and Preferences.objects.count() == 1
