"""The register of breaches: clocks follow from facts, unknown facts stop none, answers and reasons stay."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.runtime import services as runtime
from audits.runtime.models import Incident
from core.errors import ApplicationError, Conflict
from core.models import Outbox
from protection import breaches
from protection.domain.duties import duty_book
from protection.models import Breach
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db


def given(**changes):
    return {
        "aware_at": timezone.now() - dt.timedelta(hours=10), "persons": None, "personal_data": None, "risk": None,
        "high_risk": None, "phi": None, "processor": False, **changes,
    }  # fmt: skip


def opened(world, **changes) -> Breach:
    return breaches.breach_open(
        institution=world.people.north, incident=None, nature="A list was sent to a stranger.",
        actor=world.people.officer_north, **given(**changes),
    )  # fmt: skip


def running(breach: Breach) -> list[str]:
    return [view.duty.key for view in breaches.duties_of(breach) if view.running]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {"gdpr_33", "gdpr_34", "hipaa_404", "hipaa_406", "hipaa_408_many", "hipaa_408_few"}),
        ({"personal_data": True, "risk": True, "high_risk": False, "phi": False}, {"gdpr_33"}),
        ({"personal_data": True, "risk": True, "high_risk": True, "phi": False}, {"gdpr_33", "gdpr_34"}),
        ({"personal_data": True, "risk": False, "high_risk": False, "phi": False}, set()),
        ({"personal_data": True, "processor": True, "risk": True, "phi": False}, {"gdpr_33_2"}),
        ({"personal_data": False, "phi": True, "persons": 499}, {"hipaa_404", "hipaa_408_few"}),
        ({"personal_data": False, "phi": True, "persons": 500}, {"hipaa_404", "hipaa_406", "hipaa_408_many"}),
    ],
)
def test_which_clocks_run_follows_from_the_facts(world, facts, expected):
    assert set(running(opened(world, **facts))) == expected


def test_the_times_of_the_law(world):
    aware = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    due = {view.duty.key: view.due - aware for view in breaches.duties_of(opened(world, aware_at=aware))}
    assert due["gdpr_33"] == dt.timedelta(hours=72)
    assert due["hipaa_404"] == due["hipaa_406"] == due["hipaa_408_many"] == dt.timedelta(days=60)
    assert aware + due["hipaa_408_few"] == dt.datetime(2027, 3, 2, tzinfo=dt.UTC)
    assert all(clock.regime in ("gdpr", "hipaa") for clock in duty_book().clocks)


def test_answers_close_duties_and_a_late_one_says_so(world):
    officer = world.people.officer_north
    breach = opened(
        world, personal_data=True, risk=True, high_risk=False, phi=False,
        aware_at=timezone.now() - dt.timedelta(hours=80),
    )  # fmt: skip
    (view,) = [view for view in breaches.duties_of(breach) if view.running]
    assert view.overdue
    with pytest.raises(Conflict, match=r"GDPR Art. 33\(1\) still run"):
        breaches.breach_close(breach=breach, actor=officer)
    answer = {"breach": breach, "duty": "gdpr_33", "answer": "notified", "text": "Reference 12", "actor": officer}
    for wrong in (None, breach.aware_at - dt.timedelta(hours=1), timezone.now() + dt.timedelta(hours=1)):
        with pytest.raises(ApplicationError, match="Expected the moment of the notification"):
            breaches.breach_answer(**answer, done_at=wrong)
    with pytest.raises(ApplicationError, match="why nobody is notified"):
        breaches.breach_answer(**{**answer, "answer": "not_notified", "text": " "})
    breaches.breach_answer(**answer, done_at=timezone.now())
    view = next(view for view in breaches.duties_of(breach) if view.duty.key == "gdpr_33")
    assert (view.state, view.late) == ("notified", True)
    breaches.breach_close(breach=breach, actor=officer)
    with pytest.raises(Conflict, match="closed"):
        breaches.breach_answer(**{**answer, "answer": "remark"})
    assert Outbox.objects.filter(table="protection_breachrecord").exists()


def test_impossible_facts_are_refused_and_two_at_once_are_told(world):
    with pytest.raises(ApplicationError, match="in the future"):
        opened(world, aware_at=timezone.now() + dt.timedelta(hours=1))
    with pytest.raises(ApplicationError, match="A high risk is a risk"):
        opened(world, risk=False, high_risk=True)
    breach = opened(world)
    change = {"breach": breach, "actor": world.people.officer_north}
    breaches.breach_facts(**change, revision=1, **given(phi=False))
    with pytest.raises(Conflict, match="revision 2 now, you began from 1"):
        breaches.breach_facts(**change, revision=1, **given(phi=True))


def test_from_an_incident_and_only_for_the_own_house(world, client_of):
    people, deployment = world.people, make_deployment(world)
    runtime.deployment_halt(deployment=deployment, reason="A list of scores leaked.", actor=people.officer_north)
    incident = Incident.objects.get()
    client = client_of(people.officer_north)
    where = f"{reverse('breach_new')}?incident={incident.pk}"
    assert where in client.get(reverse("incident", args=[incident.pk])).content.decode()
    assert "With the incident of" in client.get(where).content.decode()
    body = {
        "house": str(people.north.pk),
        "nature": "Scores were shown.",
        "aware_at": "2026-01-01T10:00",
        "revision": 0,
    }
    assert client.post(where, {**body, "house": str(people.south.pk)}).status_code == 400
    assert client.post(where, body).status_code == 302
    breach = Breach.objects.get()
    assert (breach.incident, breach.institution, breach.risk) == (incident, people.north, None)
    page = client.get(reverse("breach", args=[breach.pk])).content.decode()
    assert "GDPR Art. 33(1)" in page and "facts are missing" in page and "Overdue" in page
    stranger = client_of(people.officer_south)
    assert stranger.get(reverse("breach", args=[breach.pk])).status_code == 404
    assert stranger.post(reverse("breach_close", args=[breach.pk])).status_code == 404
    assert "A breach of personal data: a duty is overdue" in client.get(reverse("home")).content.decode()
    assert "No breach on the register" in stranger.get(reverse("breaches")).content.decode()
    late = client.post(
        reverse("breach_facts", args=[breach.pk]),
        {**body, "revision": 9, "phi": "false"},
    )
    assert late.status_code == 400 and "you began from 9" in late.content.decode()
    for answer in ("notified", "remark"):
        told = client.post(
            reverse("breach_answer", args=[breach.pk]),
            {"answer": answer, "duty": "gdpr_33", "text": "Told them", "done_at": ""},
        )
        assert told.status_code == (400 if answer == "notified" else 302)
    assert client.post(reverse("breach_close", args=[breach.pk])).status_code == 409
