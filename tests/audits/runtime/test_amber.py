import re
from datetime import timedelta

import pytest
from django.db import InternalError, transaction
from django.urls import reverse
from django.utils import timezone

from audits.runtime import amber, monitoring
from audits.runtime.models import AmberDecision, Halt, MonitorState
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Outbox
from models_registry.models import Deployment

pytestmark = pytest.mark.django_db

WHY = "Reviewed the last hundred cases."
LATER = timezone.now().date() + timedelta(days=30)


@pytest.fixture
def asked(deployment, tell, stream) -> AmberDecision:
    """A deployment with a gap that only warns."""
    tell(deployment, stream(600, {"female": 0.8, "male": 0.9}))
    while monitoring.fold_deployment(deployment.id):
        pass
    return AmberDecision.objects.get()


def decide(world, deployment, decision="continue", **changes):
    given = {"reason": WHY, "actor": world.people.officer_north, "review_on": LATER} | changes
    return amber.decision_make(deployment=deployment, decision=decision, **given)


def test_an_amber_monitor_asks_for_a_decision_by_a_day_once(deployment, asked, tell, stream):
    assert MonitorState.objects.get().amber
    assert timedelta(days=13) < asked.due_at - timezone.now() <= timedelta(days=14)
    assert any(key.startswith("not_shown_fair:tpr:sex:") for key in asked.warnings)
    entry = Outbox.objects.get(table="audits_runtime_amberdecision", operation="INSERT")
    assert entry.said.action == "monitor.warn"
    tell(deployment, stream(100, {"female": 0.8, "male": 0.9}, seed=2))
    monitoring.fold_deployment(deployment.id)
    assert AmberDecision.objects.count() == 1


def test_to_continue_takes_a_reason_and_a_day_of_review_and_covers_the_same_warnings(
    world, deployment, asked, tell, stream
):
    made = decide(world, deployment)
    assert (made.decision, made.reason, made.institution) == ("continue", WHY, world.people.north)
    tell(deployment, stream(50, {"female": 0.8, "male": 0.9}, seed=3))
    monitoring.fold_deployment(deployment.id)
    assert not AmberDecision.objects.open().exists()
    changes = Outbox.objects.filter(table="audits_runtime_amberdecision", operation="UPDATE")
    (entry,) = [change for change in changes if change.said.action == "monitor.continue"]
    assert WHY not in str(entry.body)  # sealed


def test_after_its_day_it_is_asked_again(world, deployment, asked, tell, stream, monkeypatch):
    decide(world, deployment)
    monkeypatch.setattr(amber.timezone, "now", lambda real=timezone.now: real() + timedelta(days=40))
    tell(deployment, stream(50, {"female": 0.8, "male": 0.9}, seed=3))
    monitoring.fold_deployment(deployment.id)
    assert AmberDecision.objects.open().count() == 1


def test_to_halt_halts(world, deployment, asked):
    decide(world, deployment, "halt", review_on=None)
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.HALTED
    assert Halt.objects.get().halted_by == world.people.officer_north


def test_a_restriction_stops_predictions_that_the_approval_would_allow(world, deployment, asked, north, cases):
    assert north.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 200
    decide(world, deployment, "restrict", most_predictions=2)
    assert amber.most_predictions(deployment) == 2
    assert north.post(deployment, "predictions", {"records": [cases("b")]}).status_code == 200
    refused = north.post(deployment, "predictions", {"records": [cases("c")]})
    assert refused.status_code == 409
    assert refused.json()["max_predictions"] == 2


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"reason": "short"}, ApplicationError, "10 to 2000"),
        ({"review_on": None}, ApplicationError, "looked at again"),
        ({"review_on": LATER + timedelta(days=400)}, ApplicationError, "within 365 days"),
        ({"decision": "wait"}, ApplicationError, "continue, restrict, halt"),
        ({"decision": "restrict"}, ApplicationError, "number of predictions"),
    ],
)
def test_answers_that_say_too_little_are_refused(world, deployment, asked, changes, error, words):
    with pytest.raises(error, match=words):
        decide(world, deployment, **changes)
    assert AmberDecision.objects.open().exists()


def test_only_officers_of_the_federation_decide_and_only_what_is_asked(world, deployment, asked):
    for person in (world.people.administrator, world.people.clinician, world.people.outsider):
        with pytest.raises(Forbidden):
            decide(world, deployment, actor=person)
    decide(world, deployment)
    with pytest.raises(Conflict, match="No warning"):
        decide(world, deployment)


def test_a_decision_is_never_changed(world, deployment, asked):
    made = decide(world, deployment)
    made.decision = "halt"
    with pytest.raises(InternalError), transaction.atomic():
        made.save(update_fields=["decision"])


def test_the_page_asks_the_officer_and_shows_what_was_decided(world, deployment, asked, client_of):
    page = reverse("deployment", args=[deployment.id])
    officer = client_of(world.people.officer_north)
    shown = officer.get(page).content.decode()
    assert "Decision asked" in shown
    assert 'name="review_on"' in shown
    ids = re.findall(r' id="([^"]+)"', shown)  # the form to halt has a reason as well
    assert len(ids) == len(set(ids))
    assert 'name="review_on"' not in client_of(world.people.auditor).get(page).content.decode()
    sent = {"decision": "continue", "reason": WHY, "review_on": LATER.isoformat()}
    assert officer.post(reverse("deployment_amber", args=[deployment.id]), sent).status_code == 302
    after = client_of(world.people.auditor).get(page).content.decode()
    assert WHY in after
    assert "Decision asked" not in after


def test_the_api_lists_and_decides(world, deployment, asked, client_of):
    address = f"/api/v1/deployments/{deployment.id}/amber"
    officer = client_of(world.people.officer_north)
    assert officer.get(address).json()["results"][0]["overdue"] is False
    bad = officer.post(address, {"decision": "continue", "reason": WHY}, content_type="application/json")
    assert bad.status_code == 400
    sent = {"decision": "continue", "reason": WHY, "review_on": LATER.isoformat()}
    assert officer.post(address, sent, content_type="application/json").status_code == 201
    assert client_of(world.people.outsider).get(address).status_code == 404


def test_an_overdue_decision_is_told_on_the_home_page(world, deployment, asked):
    from qflethics.home.needs import needs_of

    AmberDecision.objects.update(due_at=timezone.now() - timedelta(days=1))
    found = [need for need in needs_of(world.people.officer_south) if "overdue" in need.title]
    assert [need.tone for need in found] == ["fail"]
