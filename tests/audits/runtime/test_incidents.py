from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.urls import reverse
from django.utils import timezone

from audits.runtime import incident_state, incidents
from audits.runtime.halting import halt_create
from audits.runtime.lookback import look_back_build
from audits.runtime.models import Incident, IncidentRecord
from audits.runtime.timeline import timeline
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Outbox
from qflethics.home.needs import needs_of
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
TEXT = "The coil of scanner 4 was damaged."
NOT_OFFICERS = ["administrator", "auditor", "operator_north", "clinician", "outsider", "external"]
NO_FACTS = dict.fromkeys(("serious", "death", "public_threat", "widespread", "personal_breach", "phi_breach"), False)


def fresh(incident) -> Incident:
    return incident_state.with_details(Incident.objects).get(id=incident.id)


@pytest.fixture
def incident(deployment):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    look_back_build({"look_back": halt.incident.look_back.id})()
    return fresh(halt.incident)


@pytest.fixture
def officer(world):
    return world.people.officer_north


ACTIONS = {
    "assign": lambda i, who: incidents.incident_assign(incident=i, responsible=who, actor=who),
    "facts": lambda i, who: incidents.incident_facts(incident=i, known={}, aware_at=i.created_at, actor=who),
    "clock": lambda i, who: incidents.incident_clock(incident=i, clock="gdpr_33", answer="applies", text="", actor=who),
    "note": lambda i, who: incidents.incident_note(incident=i, kind="remark", text=TEXT, actor=who),
    "advance": lambda i, who: incidents.incident_advance(incident=i, text=TEXT, actor=who),
    "task": lambda i, who: incidents.task_create(
        incident=i, title="Replace the coil", owner=who, due_on=timezone.now().date(), actor=who
    ),
}


@pytest.mark.parametrize("person", NOT_OFFICERS)
@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_but_an_officer_of_the_federation_acts(world, incident, person, action):
    with pytest.raises(Forbidden):
        ACTIONS[action](incident, getattr(world.people, person))
    assert not IncidentRecord.objects.exists()


def test_from_open_to_closed_each_step_names_what_it_needs(world, incident, officer):
    def advance(expected: str) -> None:
        with pytest.raises(Conflict, match=expected):
            incidents.incident_advance(incident=incident, text=TEXT, actor=officer)

    advance("a responsible officer; the clinical downtime plan")
    incidents.incident_assign(incident=incident, responsible=world.people.officer_south, actor=officer)
    incidents.incident_note(incident=incident, kind="downtime", text="Readers work without it.", actor=officer)
    assert incidents.incident_advance(incident=incident, text=TEXT, actor=officer).state == "contained"
    advance("the root cause; a corrective action")
    incidents.incident_note(incident=incident, kind="root_cause", text=TEXT, actor=officer)
    with pytest.raises(ApplicationError, match="retrain, recalibrate, restrict, retire"):
        incidents.incident_note(incident=incident, kind="action", action="pray", text=TEXT, actor=officer)
    incidents.incident_note(incident=incident, kind="action", action="retrain", text=TEXT, actor=officer)
    assert incidents.incident_advance(incident=incident, text=TEXT, actor=officer).state == "resolved"
    advance("GDPR Art. 33")
    incidents.incident_facts(incident=incident, known=NO_FACTS, aware_at=incident.created_at, actor=officer)
    task = incidents.task_create(
        incident=incident, title="Replace the coil", owner=world.people.operator_north,
        due_on=timezone.now().date(), actor=officer,
    )  # fmt: skip
    advance("the task “Replace the coil”")
    incidents.task_done(task=task, actor=world.people.operator_north)
    closed = incidents.incident_advance(incident=incident, text=TEXT, actor=officer)
    assert closed.state == "closed" and closed.closed_at is not None
    for action in ACTIONS.values():
        with pytest.raises(Conflict, match="closed"):
            action(fresh(closed), officer)
    states = [r.key for r in IncidentRecord.objects.filter(kind="state")]
    assert states == ["contained", "resolved", "closed"]


def test_an_incident_whose_look_back_waits_is_not_closed(incident):
    Incident.objects.filter(id=incident.id).update(state="resolved")
    incident.look_back.built_at = None
    incident.look_back.save(update_fields=["built_at"])
    assert any("still being made" in lack for lack in incident_state.missing(fresh(incident)))


def test_clocks_run_from_the_moment_of_awareness_and_are_marked_when_overdue(incident, officer):
    assert {view.state for view in incident_state.clocks_of(incident)} == {"undetermined"}
    aware = timezone.now() - timedelta(hours=73)
    incidents.incident_facts(
        incident=incident, known={**NO_FACTS, "serious": True, "personal_breach": True}, aware_at=aware, actor=officer
    )
    views = {view.clock.key: view for view in incident_state.clocks_of(fresh(incident))}
    assert views["gdpr_33"].due == aware + timedelta(hours=72)
    assert (views["gdpr_33"].state, views["gdpr_33"].overdue, views["gdpr_33"].badge) == ("applies", True, "overdue")
    assert (views["mdr_serious"].state, views["mdr_serious"].overdue) == ("applies", False)
    assert (views["mdr_death"].state, views["hipaa_404"].state) == ("does_not_apply", "does_not_apply")
    running = [view.clock.key for view in incident_state.clocks_of(fresh(incident)) if view.running]
    assert running[0] == "gdpr_33"


def test_an_officers_answer_comes_before_the_facts(incident, officer):
    with pytest.raises(ApplicationError, match="a reason of 10"):
        incidents.incident_clock(incident=incident, clock="gdpr_33", answer="does_not_apply", text="no", actor=officer)
    with pytest.raises(ApplicationError, match="reference"):
        incidents.incident_clock(incident=incident, clock="gdpr_33", answer="done", text="", actor=officer)
    for wrong in ({"clock": "dora"}, {"answer": "maybe"}):
        with pytest.raises(ApplicationError, match="Expected"):
            incidents.incident_clock(
                incident=incident, actor=officer, **{"clock": "gdpr_33", "answer": "done", "text": TEXT, **wrong}
            )
    incidents.incident_clock(
        incident=incident, clock="gdpr_33", answer="does_not_apply", text="No personal data left us.", actor=officer
    )
    incidents.incident_clock(incident=incident, clock="mdr_serious", answer="done", text="BfArM 4711", actor=officer)
    views = {view.clock.key: view for view in incident_state.clocks_of(fresh(incident))}
    assert (views["gdpr_33"].state, views["gdpr_33"].why) == ("does_not_apply", "No personal data left us.")
    assert (views["mdr_serious"].state, views["mdr_serious"].running) == ("done", False)


def test_the_deployments_policy_says_which_laws_it_is_under(world):
    deployment = make_deployment(world, policy={"regimes": ["hipaa"]})
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    known = incident_state.facts_of(fresh(halt.incident)).known
    assert {name: known[name] for name in ("mdr", "ai_act", "gdpr", "hipaa")} == {
        "mdr": False, "ai_act": False, "gdpr": False, "hipaa": True,
    }  # fmt: skip
    states = {view.clock.key: view.state for view in incident_state.clocks_of(fresh(halt.incident))}
    assert states.pop("hipaa_404") == "undetermined" and set(states.values()) == {"does_not_apply"}


@pytest.mark.parametrize(
    ("policy", "under"),
    [
        ({"regulatory": "marked"}, {"mdr", "ai_act", "gdpr", "hipaa"}),
        ({"regulatory": "in_house"}, {"mdr", "ai_act", "gdpr", "hipaa"}),
        ({"regulatory": "investigational"}, {"ai_act", "gdpr", "hipaa"}),
        ({"regulatory": "investigational", "regimes": ["mdr"]}, {"mdr"}),
    ],
)
def test_the_regulatory_status_leaves_out_laws_unless_the_policy_names_them(world, policy, under):
    halt = halt_create(
        deployment_id=make_deployment(world, policy=policy).id, reason="The gap is over 0.1.", position=3
    )
    known = incident_state.facts_of(fresh(halt.incident)).known
    assert {name for name in ("mdr", "ai_act", "gdpr", "hipaa") if known[name]} == under


def test_the_approved_downtime_plan_is_enough_and_shown(world, client_of):
    deployment = make_deployment(world, policy={"downtime_plan": "Readers work without it."})
    incident = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3).incident
    assert incident_state.missing(fresh(incident)) == ["a responsible officer"]
    page = client_of(world.people.clinician).get(reverse("incident", args=[incident.id])).content.decode()
    assert "Readers work without it." in page


@pytest.mark.parametrize(
    "chosen", [{"regimes": "gdpr"}, {"regimes": ["dora"]}, {"downtime_plan": "short"}, {"downtime_plan": 7}]
)
def test_a_policy_that_cannot_be_is_refused(world, chosen):
    (name,) = chosen
    with pytest.raises(ApplicationError, match=f"Policy {name}"):
        make_deployment(world, policy=chosen)


@pytest.mark.parametrize(
    ("known", "hours", "words"),
    [({"rain": True}, 0, "rain"), ({"death": "yes"}, 0, "true, false or null"), ({}, 1, "future"), ({}, -9000, "year")],
)
def test_facts_that_cannot_be_are_refused(incident, officer, known, hours, words):
    with pytest.raises(ApplicationError, match=words):
        incidents.incident_facts(
            incident=incident, known=known, aware_at=timezone.now() + timedelta(hours=hours), actor=officer
        )


def test_a_task_is_ticked_by_its_owner_or_an_officer_and_once(world, incident, officer):
    def make(owner):
        return incidents.task_create(
            incident=incident, title="Replace the coil", owner=owner, due_on=timezone.now().date(), actor=officer
        )

    mine = make(world.people.clinician)
    with pytest.raises(Forbidden):
        incidents.task_done(task=mine, actor=world.people.operator_north)
    incidents.task_done(task=mine, actor=world.people.clinician)
    with pytest.raises(Conflict, match="was done"):
        incidents.task_done(task=mine, actor=officer)
    assert incidents.task_done(task=make(world.people.auditor), actor=world.people.officer_south).done_at
    with pytest.raises(ApplicationError, match="takes part"):
        make(world.people.outsider)


def test_only_an_officer_of_the_federation_is_made_responsible(world, incident, officer):
    for name in ("outsider", "administrator", "clinician"):
        with pytest.raises(ApplicationError, match="ethics officer"):
            incidents.incident_assign(incident=incident, responsible=getattr(world.people, name), actor=officer)


def test_what_was_said_is_never_changed_and_the_ledger_has_it_sealed(incident, officer):
    note = incidents.incident_note(incident=incident, kind="root_cause", text=TEXT, actor=officer)
    body = Outbox.objects.get(table="audits_runtime_incidentrecord").body
    assert TEXT not in str(body) and body["kind"] == "root_cause"
    with pytest.raises(DatabaseError):  # the application holds no such right, and a trigger refuses the owner
        IncidentRecord.objects.filter(id=note.id).update(key="other")


def test_the_timeline_holds_what_happened_newest_first(world, incident, officer, vote, reviewers):
    incidents.incident_facts(incident=incident, known={}, aware_at=incident.created_at, actor=officer)
    incidents.incident_note(incident=incident, kind="action", action="retire", text=TEXT, actor=officer)
    vote(incident.halt, reviewers[0])
    events = timeline(fresh(incident))
    said = [event["text"] for event in events]
    assert said[0] == "Vote to reinstate, of Hospital north"
    assert "Corrective action: retire the model" in said and said[-2:] == ["Incident opened with the halt", "Halted"]
    assert [e["when"] for e in events] == sorted((e["when"] for e in events), reverse=True)


def test_officers_are_told_at_home_of_clocks_and_owners_of_their_tasks(world, incident, officer):
    def told(who, words):
        return [need for need in needs_of(who) if words in need.title]

    assert [need.tone for need in told(officer, "incident clock is due")] == ["warn"]
    assert not told(world.people.outsider, "clock") and not told(world.people.clinician, "clock")
    aware = timezone.now() - timedelta(days=100)
    incidents.incident_facts(incident=incident, known={}, aware_at=aware, actor=officer)
    (need,) = told(officer, "incident clock is overdue")
    assert need.tone == "fail" and need.url == reverse("incident", args=[incident.id])
    incidents.task_create(
        incident=incident, title="Replace the coil", owner=world.people.operator_north,
        due_on=timezone.now().date(), actor=officer,
    )  # fmt: skip
    assert told(world.people.operator_north, "A task of yours: Replace the coil")
    assert not told(world.people.operator_south, "task")
