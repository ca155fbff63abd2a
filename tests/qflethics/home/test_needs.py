"""Each role is told what waits for it, with a link, and nothing of what does not concern it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone

from audits.posthoc.models import Report
from audits.predeployment.models import AuditRun
from audits.runtime.gateway import predictions_create
from audits.runtime.models import AmberDecision, Halt, Reinstatement
from core.models import Job
from core.roles import Role
from federation.models import TrainingRun
from qflethics.home.needs import link, needs_of
from tests.factories import registry
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people, make_reviewers, make_user

pytestmark = pytest.mark.django_db
State = TrainingRun.State
EVERYONE = (
    "administrator", "auditor", "officer_north", "officer_south", "operator_north", "operator_south", "clinician",
    "outsider",
)  # fmt: skip


@pytest.fixture
def world():
    return make_federation(make_people())


def told(world, words: str) -> dict[str, str]:
    """Who is told something with these words, and in which tone."""
    found: dict[str, str] = {}
    for who in EVERYONE:
        needs = [need for need in needs_of(getattr(world.people, who)) if words in need.title]
        assert len(needs) <= 1, needs
        if needs:
            found[who] = needs[0].tone
    return found


def test_when_nothing_waits_nobody_is_told_anything(world):
    assert [needs_of(getattr(world.people, who)) for who in EVERYONE] == [[]] * 8


def test_operators_are_asked_for_their_consent_until_they_have_answered(world):
    run = make_run(world)
    assert told(world, "signature is asked") == {"operator_north": "warn", "operator_south": "warn"}
    made.make_consents(world, run, of=("north",))
    assert told(world, "signature is asked") == {"operator_south": "warn"}
    (need,) = needs_of(world.people.operator_south)
    assert need.url == f"/runs/{run.id}/terms/" and need.since == run.created_at


@pytest.mark.parametrize(
    ("state", "words", "tone"),
    [
        (State.APPROVED, "is ready to start", "warn"),
        (State.PAUSED, "is paused", "warn"),
        (State.FAILED, "has failed", "fail"),
    ],
)
def test_administrators_are_told_which_runs_wait_for_them(world, state, words, tone):
    make_run(world, state=state)
    assert told(world, words) == {"administrator": tone}


def test_a_failed_run_is_forgotten_when_a_newer_one_exists(world):
    make_run(world, state=State.FAILED)
    make_run(world, state=State.RUNNING)
    assert told(world, "has failed") == {}


def test_a_silent_site_is_shown_to_its_operator_and_to_administrators(world):
    run = make_run(world, state=State.RUNNING)
    made.make_order(made.make_round_in_hand(run, 1), world.participants["south"], age=timedelta(minutes=2))
    assert told(world, "Hospital south: the site's worker is silent") == {
        "administrator": "fail", "operator_south": "fail",
    }  # fmt: skip


def test_administrators_learn_of_a_job_that_gave_up(world):
    Job.objects.create(
        kind="run.begin", idempotency_key="k", state=Job.State.DEAD, finished_at=timezone.now(), last_error="boom"
    )
    assert told(world, "background job gave up") == {"administrator": "fail"}


@pytest.mark.parametrize(
    ("verdict", "words"), [("pass", "clinical use may"), ("inconclusive", "shadow"), ("fail", None), (None, None)]
)
def test_an_audited_version_without_a_request_waits_for_an_administrator(world, verdict, words):
    version = registry.make_version(world)
    if verdict:
        registry.make_evidence(version, verdict)
    assert told(world, "needs an approval request") == ({"administrator": "info"} if words else {})
    if words:
        (need,) = (n for n in needs_of(world.people.administrator) if "approval request" in n.title)
        assert words in need.detail and need.url == link("version", version.id) != ""


def test_a_request_waits_for_those_who_may_decide_and_have_not(world):
    request = registry.make_request(world)
    asked = told(world, "Your decision is asked")
    assert asked == {"officer_north": "warn", "officer_south": "warn"}  # the administrator requested it
    assert any("decision is asked" in n.title for n in needs_of(world.people.administrator2))
    registry.services.approval_decide(
        request=request, decision="approve", reason="Reviewed.", actor=world.people.officer_north
    )
    assert told(world, "Your decision is asked") == {"officer_south": "warn"}
    assert told(world, "needs an approval request") == {}


def test_what_is_approved_waits_to_be_deployed(world):
    request = registry.make_approved_request(world, assessed=False)
    assert told(world, "approved and not deployed") == {"administrator": "info"}
    assert set(told(world, "impact assessment is missing")) == {"administrator", "officer_north", "officer_south"}
    registry.make_assessment(request.version)
    assert told(world, "approved and not deployed") == {"administrator": "info"}


def halted(world) -> Halt:
    deployment = registry.make_deployment(world)
    return Halt.objects.create(deployment=deployment, automatic=True, reason="Gap in sensitivity.", position=10)


def test_a_halt_is_shown_to_all_and_asks_officers_for_their_vote(world):
    halt = halted(world)
    assert told(world, "Ward is halted") == {
        who: "warn" if who.startswith("officer") else "halt" for who in EVERYONE if who != "outsider"
    }  # fmt: skip
    north, south = make_reviewers(world.people)
    asked = [who for who in (north, south) if any("your vote is asked" in need.title for need in needs_of(who))]
    assert asked == [north, south] and not told(world, "your vote is asked")  # the others approved it
    Reinstatement.objects.create(
        halt=halt, officer=north, institution=world.people.north, reason="Checked.", evidence_digest="ab" * 32
    )
    asked = [who for who in (north, south) if any("your vote is asked" in need.title for need in needs_of(who))]
    assert asked == [south]
    assert told(world, "Ward is halted")["officer_north"] == "warn"
    (need,) = needs_of(world.people.clinician)
    assert "1 of 2 officers" in need.detail and "Gap in sensitivity" in need.detail


def test_a_closed_halt_is_forgotten(world):
    halt = halted(world)
    Halt.objects.filter(id=halt.id).update(closed_at=timezone.now())
    assert told(world, "is halted") == {}


def test_an_amber_monitor_is_shown_to_those_who_watch(world):
    deployment = registry.make_deployment(world)
    AmberDecision.objects.create(
        deployment=deployment, warnings={"window": "A gap."}, position=1, due_at=timezone.now() + timedelta(days=1)
    )
    assert set(told(world, "your decision is asked")) == {"officer_north", "officer_south"}
    others = {"administrator", "auditor", "operator_north", "operator_south"}
    assert set(told(world, "an officer's decision is asked")) == others


def test_audits_under_way_and_failed_ones_are_shown_until_repeated(world):
    version = registry.make_version(world)
    AuditRun.objects.create(version=version, policy={}, state=AuditRun.State.FAILED, stop_reason="north is away")
    assert told(world, "could not be completed")["auditor"] == "fail"
    AuditRun.objects.create(version=version, policy={})
    assert told(world, "could not be completed") == {}
    assert told(world, "is under way")["officer_south"] == "info"
    assert not {"clinician", "outsider"} & set(told(world, "is under way"))


def test_a_new_report_is_announced_for_two_weeks(world):
    def finished(last: date, at: datetime) -> None:
        Report.objects.create(
            period_start=date(2026, 1, 1), period_end=last, state=Report.State.FINISHED,
            requested_by=world.people.auditor, finished_at=at,
        )  # fmt: skip

    finished(date(2026, 6, 29), timezone.now() - timedelta(days=15))
    assert told(world, "is ready") == {}
    finished(date(2026, 6, 30), timezone.now())
    assert set(told(world, "is ready")) == set(EVERYONE) - {"clinician"}


def test_an_appeal_waits_for_who_may_decide_it_and_becomes_urgent(world, monkeypatch):
    import json

    from audits.runtime import appeals, models_appeals

    deployment, people = registry.make_deployment(world), world.people
    record = {"event_key": "a", "patient": "p", "attributes": {"sex": "female"}, "features": [0.1, 0.5, 0.3, 0.9]}
    second = make_user("second@test.example", Role.CLINICIAN, people.north)
    body = json.dumps({"records": [record]}).encode()
    predictions_create(deployment=deployment, caller=second, body=body, idempotency_key=None)
    appeals.appeal_file(
        deployment=deployment, event_key="a", contested_by="patient", grounds="It was misread.", actor=people.clinician
    )
    assert told(world, "An appeal waits for a decision") == {"officer_north": "warn"}
    assert needs_of(second) == []  # asked for the prediction
    late = models_appeals.today() + timedelta(days=31)
    monkeypatch.setattr(models_appeals, "today", lambda: late)
    assert told(world, "An appeal is overdue") == {"officer_north": "fail"}


def test_the_most_urgent_comes_first_and_then_the_longest_waiting(world):
    halted(world)
    for age in (1, 3, 2):
        run = make_run(world, state=State.APPROVED)
        TrainingRun.objects.filter(id=run.id).update(created_at=timezone.now() - timedelta(days=age))
    needs = needs_of(world.people.administrator)
    assert needs[0].tone == "halt"
    waiting = [need.since for need in needs if need.tone == "warn"]
    assert waiting == sorted(waiting) and len(waiting) == 3


def test_a_page_that_does_not_exist_is_no_link():
    assert link("no_such_page", 1) == ""
