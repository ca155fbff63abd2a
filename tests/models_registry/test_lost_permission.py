"""A version that learned from data that are lent no more: no use is requested, and the decision is on its record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audits.domain.verdict import Verdict
from core import events
from federation import consents
from federation.models import Reconsideration
from models_registry import binding, subscriptions
from models_registry.models import Evidence
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_evidence, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def version(world):
    found = make_version(world)
    make_evidence(found, verdict=str(Verdict.PASS))
    return found


def lose(world, version) -> Reconsideration:
    return Reconsideration.objects.create(
        run=version.run, participant=world.participants["north"], cause="withdrawal",
        opened_by=world.people.operator_north, due_at=timezone.now() + timedelta(days=30),
    )  # fmt: skip


@pytest.mark.parametrize("choice", ["retrain", "retire"])
def test_no_use_is_requested_while_it_is_open_nor_after_it_is_decided(world, version, choice):
    assert binding.refusal(version, "shadow") == ""
    matter = lose(world, version)
    assert "to be decided first" in binding.refusal(version, "shadow")
    consents.reconsideration_decide(
        matter=matter, choice=choice, reason="without them", actor=world.people.administrator
    )
    assert f"decided to {choice}" in binding.refusal(version, "shadow")


def test_the_decision_is_evidence_of_the_version_once(world, version):
    matter = lose(world, version)
    consents.reconsideration_decide(matter=matter, choice="retire", reason="r", actor=world.people.administrator)
    payload = {"reconsideration": str(matter.id), "run": str(version.run_id), "choice": "retire"}
    for _ in range(2):
        subscriptions.reconsideration_decided(payload)()
    found = Evidence.objects.get(kind=binding.PERMISSION)
    assert (found.version, found.verdict, found.summary["choice"]) == (version, "fail", "retire")
    assert "models_registry" in events._subscribers["reconsideration.decided"]
