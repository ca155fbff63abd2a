import csv
import io
import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.runtime import incident_state, lookback
from audits.runtime.halting import halt_create
from audits.runtime.models import Incident, LookBackCase, LookBackMark, MonitorState, Outcome, Prediction
from audits.runtime.names import known_names
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Job, Outbox

pytestmark = pytest.mark.django_db
ALARM = {
    "metric": "tpr", "attribute": "sex", "higher": "male", "lower": "female", "gap": 0.3, "position": 9,
    "rule": "betting",
}  # fmt: skip
WHY = "The coil was damaged on Monday."


@pytest.fixture
def south(world, caller_class):
    return caller_class(world.people.south, world.people.administrator)


@pytest.fixture
def served(deployment, north, south, cases):
    """Three women and a man at north, one woman at south."""
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b"), cases("c"), cases("m", "male")]})
    south.post(deployment, "predictions", {"records": [cases("s")]})


def build(look_back) -> None:
    lookback.look_back_build({"look_back": look_back.id})()


@pytest.fixture
def incident(deployment, served):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=9, alarm=ALARM)
    build(halt.incident.look_back)
    return incident_state.with_details(Incident.objects).get(id=halt.incident.id)


@pytest.fixture
def clinician(world):
    return world.people.clinician  # at north


def test_the_list_holds_the_harmed_group_of_the_period_by_pseudonym_and_alias(incident, deployment):
    rows = LookBackCase.objects.all()
    assert {(row.site, row.attributes["sex"]) for row in rows} == {("north", "female"), ("south", "female")}
    assert rows.count() == 4 and incident.look_back.built_at
    known = known_names(deployment.id, ["a", "b", "c", "s"])
    assert {row.event_key for row in rows} == {case.alias for case in known.values()}
    assert "mrn-" not in json.dumps(list(rows.values("event_key", "subject", "attributes")))


def test_predictions_after_the_halt_or_before_the_period_are_not_listed(deployment, served):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=9)
    middle = Prediction.objects.order_by("received_at").last().received_at
    look_back = halt.incident.look_back
    look_back.since, look_back.until = middle, middle
    look_back.save()
    build(look_back)
    assert [row.site for row in look_back.cases.all()] == ["south"]


def test_a_halt_at_one_site_looks_back_there_alone(world, deployment, served):
    from audits.runtime import services

    halt = services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north, site="south")
    build(halt.incident.look_back)
    assert [row.site for row in LookBackCase.objects.all()] == ["south"]


def test_building_twice_changes_nothing_and_keeps_marks(incident, clinician):
    lookback.cases_mark(incident=incident, what="reread", result="changed", actor=clinician, cases=None)
    build(incident.look_back)
    assert LookBackCase.objects.count() == 4
    assert LookBackCase.objects.filter(reread="changed").count() == 3


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        ("clinician", {"north"}),
        ("officer_south", {"south"}),
        ("operator_north", {"north"}),
        ("auditor", set()),
        ("administrator", set()),
        ("outsider", set()),
    ],
)
def test_each_site_sees_its_own_cases_alone(world, incident, person, seen):
    user = getattr(world.people, person)
    assert {row.site for row in lookback.cases_for(user, incident)} == seen


def test_marks_are_bulk_own_and_in_the_ledger(world, incident, clinician):
    assert lookback.cases_mark(incident=incident, what="reread", result="confirmed", actor=clinician, cases=None) == 3
    mark = LookBackMark.objects.get()
    assert (mark.site, len(mark.cases)) == ("north", 3)
    entry = Outbox.objects.get(table="audits_runtime_lookbackmark")
    assert (entry.said.actor, entry.said.action) == (clinician.id, "lookback.reread")
    assert sorted(json.loads(entry.body["cases"])) == sorted(mark.cases)
    assert lookback.cases_mark(incident=incident, what="reread", result="confirmed", actor=clinician, cases=None) == 0
    (foreign,) = LookBackCase.objects.filter(site="south")
    own = LookBackCase.objects.filter(site="north").first()
    with pytest.raises(ApplicationError, match="1 of the chosen cases"):
        lookback.cases_mark(
            incident=incident, what="disclosed", result="told", actor=clinician, cases=[own.id, foreign.id]
        )
    assert not LookBackCase.objects.exclude(disclosed="").exists()
    assert lookback.counts_of(incident)[0] == lookback.SiteCount("north", 3, 3, 0, 3)


@pytest.mark.parametrize("person", ["administrator", "auditor", "outsider"])
def test_nobody_from_elsewhere_marks_or_exports(world, incident, person):
    user = getattr(world.people, person)
    with pytest.raises(Forbidden):
        lookback.cases_mark(incident=incident, what="reread", result="confirmed", actor=user, cases=None)
    with pytest.raises(Forbidden):
        lookback.cases_export(incident=incident, user=user)


@pytest.mark.parametrize(
    ("what", "result", "chosen"),
    [("reread", "told", None), ("opened", "told", None), ("reread", "confirmed", []), ("disclosed", "", None)],
)
def test_bad_marks_are_refused(incident, clinician, what, result, chosen):
    with pytest.raises(ApplicationError):
        lookback.cases_mark(incident=incident, what=what, result=result, actor=clinician, cases=chosen)


def test_closing_waits_for_the_last_disclosure(world, incident, clinician):
    Incident.objects.filter(id=incident.id).update(state="resolved")

    def lacks():
        found = incident_state.with_details(Incident.objects).get(id=incident.id)
        return [lack for lack in incident_state.missing(found) if "look-back" in lack]

    assert lacks() == ["re-reading and disclosure of 4 cases of the look-back"]
    for who in (clinician, world.people.officer_south):
        lookback.cases_mark(incident=incident, what="reread", result="confirmed", actor=who, cases=None)
    assert lacks() == ["re-reading and disclosure of 4 cases of the look-back"]
    lookback.cases_mark(incident=incident, what="disclosed", result="told", actor=clinician, cases=None)
    assert lacks() == ["re-reading and disclosure of 1 cases of the look-back"]
    lookback.cases_mark(
        incident=incident, what="disclosed", result="unreachable", actor=world.people.officer_south, cases=None
    )
    assert lacks() == []
    Incident.objects.filter(id=incident.id).update(state="closed")
    with pytest.raises(Conflict, match="closed"):
        lookback.cases_mark(incident=incident, what="reread", result="changed", actor=clinician, cases=None)


def test_the_export_is_the_sites_own_and_the_reading_is_recorded(incident, clinician):
    rows = list(csv.DictReader(io.StringIO(lookback.cases_export(incident=incident, user=clinician))))
    assert len(rows) == 3 and rows[0]["attributes"] == "sex=female"
    assert {row["case"] for row in rows} == set(
        LookBackCase.objects.filter(site="north").values_list("event_key", flat=True)
    )
    entry = Outbox.objects.get(operation="READ")
    assert (entry.said.actor, entry.said.action, entry.object_id) == (
        clinician.id, "lookback.export", str(incident.look_back.id),
    )  # fmt: skip
    assert entry.body == {"site": "north", "cases": "3"}


def test_a_site_finds_its_own_names_and_no_others(world, incident, clinician):
    found = lookback.cases_resolve(incident=incident, names=["a", "s", "m", "nobody"], user=clinician)
    assert list(found) == ["a"]
    assert list(lookback.cases_resolve(incident=incident, names=["a", "s"], user=world.people.officer_south)) == ["s"]
    with pytest.raises(ApplicationError, match="1 to 1000"):
        lookback.cases_resolve(incident=incident, names=[], user=clinician)


def test_an_officer_narrows_or_widens_the_period_with_a_reason(world, incident, deployment):
    officer = world.people.officer_south
    middle = Prediction.objects.filter(site="south").get().received_at
    changed = lookback.look_back_change(
        look_back=incident.look_back, since=middle, whole=False, reason=WHY, actor=officer
    )
    assert changed.built_at is None and Job.objects.filter(kind="lookback.build").count() == 1
    build(changed)
    assert [row.site for row in LookBackCase.objects.in_scope()] == ["south"]
    wide = lookback.look_back_change(
        look_back=changed, since=deployment.created_at, whole=True, reason=WHY, actor=officer
    )
    build(wide)
    assert LookBackCase.objects.in_scope().count() == 5
    for since in (deployment.created_at - timedelta(days=1), timezone.now() + timedelta(days=1)):
        with pytest.raises(ApplicationError, match="Expected a beginning"):
            lookback.look_back_change(look_back=wide, since=since, whole=False, reason=WHY, actor=officer)
    with pytest.raises(Forbidden):
        lookback.look_back_change(look_back=wide, since=middle, whole=False, reason=WHY, actor=world.people.clinician)


def test_the_estimate_is_the_lowest_evidence_before_the_halt():
    history = [(10, 0.0), (20, -0.5), (30, -0.5), (40, 0.6), (50, 2.0), (60, -3.0)]
    told = {
        "streams": [
            {"metric": "fpr", "attribute": "sex", "first": "female", "second": "male"},
            {"metric": "tpr", "attribute": "sex", "first": "female", "second": "male"},
        ],
        "history": [{"position": at, "betting": [9.0, value], "e_sr": [9.0, 9.0]} for at, value in history],
    }
    alarm = {**ALARM, "position": 50}
    assert lookback.lowest_evidence(MonitorState(summary=told), alarm) == 30
    assert lookback.lowest_evidence(MonitorState(summary=told), {}) is None
    assert lookback.lowest_evidence(MonitorState(summary=told), {**alarm, "attribute": "age"}) is None
    assert lookback.lowest_evidence(None, alarm) is None


def test_the_estimate_names_the_earliest_prediction_of_the_cases_told_since(deployment, north, cases):
    for name in ("a", "b"):
        north.post(deployment, "predictions", {"records": [cases(name)]})
        north.post(deployment, "outcomes", {"records": [{"event_key": name, "label": 1}]})
    streams = [{"metric": "tpr", "attribute": "sex", "first": "female", "second": "male"}]
    history = [{"position": 1, "betting": [-1.0], "e_sr": [0.0]}, {"position": 2, "betting": [2.0], "e_sr": [0.0]}]
    MonitorState.objects.update_or_create(
        deployment=deployment, defaults={"summary": {"streams": streams, "history": history}}
    )
    halt = halt_create(deployment_id=deployment.id, reason="Gap.", position=2, alarm={**ALARM, "position": 2})
    second = Outcome.objects.get(position=2)
    expected = Prediction.objects.get(event_key=second.event_key).received_at
    assert lookback.change_estimate(halt) == {"position": 1, "since": expected.isoformat()}


# --- the pages -------------------------------------------------------------------------------------------------


def test_the_page_shows_marks_and_finds(incident, client_of, clinician, monkeypatch):
    from audits.runtime import views_lookback

    monkeypatch.setattr(views_lookback, "PAGE", 2)
    client = client_of(clinician)
    page = reverse("look_back", args=[incident.id])
    said = client.get(page).content.decode()
    assert "Look-back of north" in said and "Pages of cases" in said
    first = lookback.cases_for(clinician, incident).first()
    mark = reverse("look_back_mark", args=[incident.id])
    answer = client.post(mark, {"mark": "reread:changed", "scope": "chosen", "case": [first.id], "note": ""})
    assert answer.status_code == 302
    first.refresh_from_db()
    assert first.reread == "changed"
    bad = client.post(mark, {"mark": "reread:changed", "scope": "chosen", "note": "Kept on the page"})
    assert bad.status_code == 400 and "Kept on the page" in bad.content.decode()
    assert client.post(mark, {"mark": "x", "case": ["1 OR 1"], "scope": "chosen"}).status_code == 400
    found = client.post(reverse("look_back_find", args=[incident.id]), {"names": "a\n\nnobody\n"})
    assert "1 of 2 names are on the list" in found.content.decode()
    assert "Waiting" in client.get(f"{page}?waiting=1&page=99").content.decode()
    export = client.get(reverse("look_back_csv", args=[incident.id]))
    assert export["Content-Type"] == "text/csv" and export["Cache-Control"] == "no-store"
    assert len(export.content.decode().splitlines()) == 4


def test_the_pages_of_another_federations_incident_do_not_exist(world, incident, client_of):
    client = client_of(world.people.outsider)
    for name in ("look_back", "look_back_csv", "incident"):
        assert client.get(reverse(name, args=[incident.id])).status_code == 404
    assert client.post(reverse("look_back_mark", args=[incident.id]), {}).status_code == 404


def test_an_operator_sees_the_list_and_marks_nothing(world, incident, client_of):
    client = client_of(world.people.operator_north)
    said = client.get(reverse("look_back", args=[incident.id])).content.decode()
    assert "Cases of our site" in said and "Mark cases" not in said
    assert client.post(reverse("look_back_mark", args=[incident.id]), {}).status_code == 403
