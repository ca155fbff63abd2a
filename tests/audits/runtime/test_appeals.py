import datetime as dt

import pytest

from accounts.models import Membership
from audits.domain.monitor.policy import MonitorPolicy
from audits.runtime import appeals, monitoring, reviews
from audits.runtime.models import AmberDecision, Appeal, MonitorState, Outcome
from audits.runtime.models_appeals import today
from core.context import opened_reason
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.models import Outbox
from core.roles import Role
from tests.factories.people import make_user
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db

WHY = "The scan was misread."


@pytest.fixture
def clinician(world):
    """Who may decide: another clinician of the same hospital."""
    return make_user("second@test.example", Role.CLINICIAN, world.people.north)


@pytest.fixture
def appeal(world, deployment, north, cases):
    """Filed by north's officer against a prediction that a clinical system asked for."""
    north.post(deployment, "predictions", {"records": [cases("a")]})
    return file(deployment, world.people.officer_north)


def file(deployment, actor, name="a", **fields):
    given = {"contested_by": "representative", "grounds": WHY, **fields}
    return appeals.appeal_file(deployment=deployment, event_key=name, actor=actor, **given)


def decide(appeal, actor, outcome="upheld", **fields):
    return appeals.appeal_decide(appeal=appeal, outcome=outcome, reason=WHY, actor=actor, **fields)


def said_label(appeal, *, right: bool) -> int:
    return int(appeal.flagged == right)


def test_an_appeal_carries_its_case_its_grounds_and_the_day_it_is_due(world, deployment, appeal, alias):
    assert (appeal.state, appeal.outcome, appeal.grounds, str(appeal.case_name)) == ("open", "", WHY, "a")
    assert appeal.event_key == alias(deployment, "a")
    assert appeal.due_on == today() + dt.timedelta(days=30)
    entry = Outbox.objects.get(table="audits_runtime_appeal")
    assert (entry.said.actor, entry.said.action) == (world.people.officer_north.id, "appeal.file")
    assert opened_reason(entry.said.actor, entry.said.reason) == WHY


def test_the_ledger_holds_neither_the_name_of_the_case_nor_clear_grounds(appeal):
    body = Outbox.objects.get(table="audits_runtime_appeal").body
    assert "case_name" not in body
    assert WHY not in str(body) and body["grounds"].startswith("v1:")


def test_the_policy_says_how_many_days_there_are(world, north, cases):
    quick = make_deployment(world, policy={"appeal_days": 7})
    north.post(quick, "predictions", {"records": [cases("a")]})
    assert file(quick, world.people.clinician).due_on == today() + dt.timedelta(days=7)


@pytest.mark.parametrize("person", ["administrator", "auditor", "operator_north", "officer_south", "outsider"])
def test_only_clinicians_and_officers_of_the_site_contest(world, deployment, north, cases, person):
    north.post(deployment, "predictions", {"records": [cases("a")]})
    with pytest.raises((Forbidden, NotFound)):
        file(deployment, getattr(world.people, person))
    assert not Appeal.objects.exists()


@pytest.mark.parametrize("fields", [{"grounds": "no"}, {"contested_by": "lawyer"}, {"name": "b"}])
def test_a_filing_that_cannot_be_used_is_refused(world, deployment, north, cases, fields):
    north.post(deployment, "predictions", {"records": [cases("a")]})
    with pytest.raises(ApplicationError):
        file(deployment, world.people.clinician, **fields)


def test_a_case_is_contested_once_at_a_time_and_again_after_a_decision(world, deployment, appeal, clinician):
    with pytest.raises(Conflict, match="contested already"):
        file(deployment, clinician)
    decide(appeals.appeal_take(appeal=appeal, actor=clinician), clinician)
    assert file(deployment, world.people.officer_north).state == "open"


def test_a_withheld_answer_is_not_contested(world, north, cases):
    shadow = make_deployment(world, kind="shadow")
    north.post(shadow, "predictions", {"records": [cases("a")]})
    with pytest.raises(Conflict, match="withheld"):
        file(shadow, world.people.clinician)


def test_open_under_review_decided(appeal, clinician):
    with pytest.raises(Conflict, match="Take it under review"):
        decide(appeal, clinician)
    taken = appeals.appeal_take(appeal=appeal, actor=clinician)
    assert (taken.state, taken.taken_by) == ("under_review", clinician)
    with pytest.raises(Conflict, match="cannot become"):
        appeals.appeal_take(appeal=appeal, actor=clinician)
    done = decide(taken, clinician)
    assert (done.state, done.outcome, done.decided_by, done.reason) == ("decided", "upheld", clinician, WHY)
    for late in (
        lambda: decide(done, clinician, "changed"),
        lambda: appeals.appeal_withdraw(appeal=done, reason=WHY, actor=done.filed_by),
    ):
        with pytest.raises(Conflict, match="is decided"):
            late()


def test_who_filed_it_asked_for_it_or_reviewed_it_does_not_decide(world, deployment, client_of, cases, clinician):
    people = world.people
    asked = client_of(people.clinician).post(
        f"/api/v1/deployments/{deployment.id}/predictions", {"records": [cases("a")]}, content_type="application/json"
    )
    assert asked.status_code == 200
    row = appeals.prediction_of(appeal := file(deployment, people.officer_north))
    reviews.review_record(deployment=deployment, prediction=row, decision="accepted", why="", note="", actor=clinician)
    refused = {people.officer_north: "filed", people.clinician: "asked for", clinician: "reviewed"}
    for person, why in refused.items():
        with pytest.raises(Forbidden, match=why):
            appeals.appeal_take(appeal=appeal, actor=person)
        assert why in appeals.why_not(appeal, person)
    third = make_user("third@test.example", Role.ETHICS_OFFICER, people.north)
    assert appeals.why_not(appeal, third) == ""
    assert decide(appeals.appeal_take(appeal=appeal, actor=third), third).outcome == "upheld"


@pytest.mark.parametrize("person", ["administrator", "auditor", "operator_north", "officer_south", "outsider"])
def test_nobody_of_another_role_or_site_decides(world, appeal, clinician, person):
    actor = getattr(world.people, person)
    with pytest.raises(Forbidden, match="clinician or an ethics officer of Hospital north"):
        appeals.appeal_take(appeal=appeal, actor=actor)
    appeals.appeal_take(appeal=appeal, actor=clinician)
    with pytest.raises(Forbidden):
        decide(appeal, actor)


def test_a_former_clinician_does_not_decide(appeal, clinician):
    Membership.objects.filter(user=clinician).update(is_active=False)
    with pytest.raises(Forbidden):
        appeals.appeal_take(appeal=appeal, actor=clinician)


def test_the_database_refuses_a_decision_of_who_filed_it(appeal):
    from django.db import IntegrityError, transaction
    from django.utils import timezone

    with pytest.raises(IntegrityError, match="decided_by_another"), transaction.atomic():
        Appeal.objects.filter(id=appeal.id).update(
            state="decided", outcome="upheld", decided_by=appeal.filed_by, decided_at=timezone.now()
        )


def test_the_database_keeps_what_was_filed_and_what_was_decided(appeal, clinician):
    from django.db import transaction
    from django.db.utils import InternalError

    def refused(**changes):
        with pytest.raises(InternalError, match="update"), transaction.atomic():
            Appeal.objects.filter(id=appeal.id).update(**changes)

    refused(requested_by=clinician.id)
    refused(contested_by="clinician")
    decide(appeals.appeal_take(appeal=appeal, actor=clinician), clinician)
    refused(outcome="changed")
    refused(state="under_review", outcome="", decided_by=None, decided_at=None)
    with pytest.raises(InternalError, match="delete"), transaction.atomic():
        appeal.delete()


@pytest.mark.parametrize(("outcome", "right"), [("upheld", True), ("changed", False)])
def test_the_label_reaches_the_monitor_as_an_outcome(deployment, appeal, clinician, alias, outcome, right):
    appeals.appeal_take(appeal=appeal, actor=clinician)
    label = said_label(appeal, right=right)
    assert decide(appeal, clinician, outcome, label=label).feedback == "told"
    told = Outcome.objects.get(deployment_id=deployment.id)
    assert (told.event_key, told.stratum, told.values["accuracy"]) == (alias(deployment, "a"), label, float(right))
    monitoring.fold_deployment(deployment.id)
    assert MonitorState.objects.get(deployment=deployment).position == 1


def contested(deployment, caller, cases, clinician, officer, n: int) -> None:
    """So many cases, each contested, and each outcome told by the appeal's decision."""
    names = [f"c{i}" for i in range(n)]
    records = [cases(name, sex="male" if i % 2 else "female") for i, name in enumerate(names)]
    caller.post(deployment, "predictions", {"records": records})
    for name in names:
        appeal = appeals.appeal_take(appeal=file(deployment, officer, name), actor=clinician)
        decide(appeal, clinician, "changed", label=said_label(appeal, right=False))


def fold(deployment) -> MonitorState:
    monitoring.fold_deployment(deployment.id)
    return MonitorState.objects.get(deployment=deployment)


@pytest.mark.parametrize(("policy", "pairs"), [({}, 0), ({"appeal_outcomes": "counted"}, 2)])
def test_what_appeals_told_bets_nothing_unless_the_policy_counts_it(world, north, cases, clinician, policy, pairs):
    deployment = make_deployment(world, policy=policy)
    contested(deployment, north, cases, clinician, world.people.officer_north, 4)
    row = fold(deployment)
    assert row.position == 4
    assert next(s for s in row.summary["streams"] if s["metric"] == "accuracy")["pairs"] == pairs
    assert monitoring.replay(deployment).equal


def test_an_epoch_that_counted_appeals_goes_on_as_it_began(deployment, north, cases, clinician, world):
    contested(deployment, north, cases, clinician, world.people.officer_north, 2)
    row = fold(deployment)
    del row.state["policy"]["excluded"]  # begun by an earlier release
    policy = MonitorPolicy.from_dict(row.state["policy"])
    assert policy.excluded == () and "excluded" not in policy.as_dict()


def test_many_outcomes_from_appeals_turn_the_monitor_amber(world, deployment, north, cases, clinician, client_of):
    officer = world.people.officer_north
    contested(deployment, north, cases, clinician, officer, 3)
    names = [f"d{i}" for i in range(26)]
    north.post(deployment, "predictions", {"records": [cases(name) for name in names]})
    told = [{"event_key": name, "label": 1} for name in names]
    north.post(deployment, "outcomes", {"records": told[:17]})
    assert [a["sentence"][:41] for a in fold(deployment).summary["alarms"] if a["rule"] == "appeals"] == [
        "3 of 20 outcomes came from appeals, which"
    ]
    assert any(key.startswith("appeals:") for key in AmberDecision.objects.get().warnings)
    north.post(deployment, "outcomes", {"records": told[17:]})
    north.post(deployment, "predictions", {"records": [cases("e")]})
    north.post(deployment, "outcomes", {"records": [{"event_key": "e", "label": 1}]})
    assert not [a for a in fold(deployment).summary["alarms"] if a["rule"] == "appeals"]  # 3 of 30: a tenth
    client = client_of(officer)
    assert "3 outcomes came from appeals" in client.get(f"/deployments/{deployment.id}/").content.decode()
    for name, origin in (("c0", "appeal"), ("d0", "site")):
        (row,) = client.get(f"/api/v1/deployments/{deployment.id}/outcomes/{name}").json()["results"]
        assert row["origin"] == origin


def test_a_policy_says_excluded_or_counted_and_nothing_else(world):
    with pytest.raises(ApplicationError, match="expected one of excluded, counted"):
        make_deployment(world, policy={"appeal_outcomes": "some"})


def test_without_a_label_nothing_is_told(appeal, clinician):
    appeals.appeal_take(appeal=appeal, actor=clinician)
    assert decide(appeal, clinician, "changed").feedback == "none"
    assert not Outcome.objects.exists()


def test_a_case_that_has_an_outcome_keeps_it_and_that_is_said(deployment, north, appeal, clinician):
    north.post(deployment, "outcomes", {"records": [{"event_key": "a", "label": said_label(appeal, right=True)}]})
    appeals.appeal_take(appeal=appeal, actor=clinician)
    assert decide(appeal, clinician, "changed", label=said_label(appeal, right=False)).feedback == "earlier"
    assert Outcome.objects.count() == 1


@pytest.mark.parametrize(("outcome", "right"), [("upheld", False), ("changed", True)])
def test_a_label_that_contradicts_the_decision_is_refused(appeal, clinician, outcome, right):
    appeals.appeal_take(appeal=appeal, actor=clinician)
    with pytest.raises(Conflict, match="does not go with"):
        decide(appeal, clinician, outcome, label=said_label(appeal, right=right))
    appeal.refresh_from_db()
    assert appeal.state == "under_review" and not Outcome.objects.exists()


def test_only_who_filed_it_withdraws_it(world, appeal, clinician):
    with pytest.raises(Forbidden):
        appeals.appeal_withdraw(appeal=appeal, reason=WHY, actor=clinician)
    done = appeals.appeal_withdraw(appeal=appeal, reason=WHY, actor=world.people.officer_north)
    assert (done.state, done.outcome) == ("decided", "withdrawn")


def test_overdue_ones_come_first_and_decided_ones_last(world, deployment, north, cases, clinician):
    north.post(deployment, "predictions", {"records": [cases(name) for name in "abcd"]})
    made = {name: file(deployment, world.people.officer_north, name) for name in "abcd"}
    for name, days in {"a": 5, "b": -1, "c": -9, "d": -20}.items():
        Appeal.objects.filter(id=made[name].id).update(due_on=today() + dt.timedelta(days=days))
    decide(appeals.appeal_take(appeal=made["d"], actor=clinician), clinician)
    queue = list(Appeal.objects.queue(today()))
    assert [str(row.case_name) for row in queue] == ["c", "b", "a", "d"]
    assert [row.overdue for row in queue] == [True, True, False, False]
    assert set(Appeal.objects.overdue(today())) == {made["b"], made["c"]}


def test_a_contested_case_is_seen_at_its_own_site_and_by_the_platform(world, appeal):
    people = world.people
    seen = {who: Appeal.objects.for_user(getattr(people, who)).exists() for who in (
        "clinician", "officer_north", "auditor", "administrator", "officer_south", "outsider",
    )}  # fmt: skip
    assert [who for who, found in seen.items() if found] == ["clinician", "officer_north", "auditor", "administrator"]


def test_erasing_the_patient_empties_the_name_and_the_decision_goes_on_without_a_label(world, appeal, clinician):
    from accounts.erasure import patient_erase

    given = {"patient": "mrn-a", "confirm": "mrn-a"}
    patient_erase(institution=world.people.north, actor=world.people.administrator, ground="c", **given)
    appeal.refresh_from_db()
    assert appeal.case_name == ""
    appeals.appeal_take(appeal=appeal, actor=clinician)
    with pytest.raises(Conflict, match="erased"):
        decide(appeal, clinician, label=said_label(appeal, right=True))
    assert decide(appeal, clinician).state == "decided"


def test_a_segmented_case_takes_a_corrected_mask(cases, clinician_of_images):
    import base64

    import numpy as np

    deployment, north, officer, clinician = clinician_of_images
    pixels = base64.b64encode(np.zeros((1, 32, 32), dtype=np.uint8).tobytes()).decode()
    record = {"event_key": "a", "patient": "p", "image": {"shape": [1, 32, 32], "dtype": "uint8", "data": pixels}}
    assert north.post(deployment, "predictions", {"records": [record]}).status_code == 200
    appeal = appeals.appeal_take(appeal=file(deployment, officer), actor=clinician)
    mask = base64.b64encode(np.packbits(np.ones((1, 32, 32), dtype=bool)).tobytes()).decode()
    with pytest.raises(ApplicationError, match="expected mask"):
        decide(appeal, clinician, label=int(appeal.flagged))
    assert decide(appeal, clinician, "changed", mask=mask).feedback == "told"
    assert Outcome.objects.get().stratum == 2


@pytest.fixture
def clinician_of_images(caller_class):
    from tests.factories.federation import make_federation
    from tests.factories.people import make_people

    world = make_federation(make_people(), task="segmentation")
    deployment = make_deployment(world)
    north = caller_class(world.people.north, world.people.administrator)
    return deployment, north, world.people.officer_north, world.people.clinician


def test_what_waits_for_a_person_is_what_the_person_may_decide(world, deployment, north, cases, clinician):
    """The list asks the database once; the reasons are given one by one. Both say the same of everybody."""
    people = world.people
    north.post(deployment, "predictions", {"records": [cases(name) for name in "abc"]})
    filed = [file(deployment, people.officer_north, "a"), file(deployment, people.clinician, "b")]
    filed.append(file(deployment, clinician, "c"))
    row = appeals.prediction_of(filed[2])
    reviews.review_record(
        deployment=deployment, prediction=row, decision="accepted", why="", note="", actor=people.clinician
    )
    for who in (*vars(people).values(), clinician):
        if hasattr(who, "email"):
            may = {appeal.id for appeal in filed if not appeals.why_not(appeal, who)}
            assert {appeal.id for appeal in appeals.waiting_for(who)} == may, who.email
