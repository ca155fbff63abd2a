"""The drift of inputs that are not stored: counted by gateway and ingest, watched by the monitor, shown on the page."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.domain.monitor.histograms import CELLS
from audits.predeployment.models import AuditRun, CheckResult
from audits.runtime import inputs, monitoring
from audits.runtime.models import AmberDecision, InputDrift, InputPeriod, MonitorState, Prediction
from tests.factories.registry import make_deployment, make_evidence, make_version

pytestmark = pytest.mark.django_db
AT = "2026-03-01T08:30:00+01:00"


@pytest.fixture(autouse=True)
def _nothing_gathered():
    inputs._gathered.clear()


@pytest.fixture
def elsewhere(world, caller_class):
    return caller_class(world.people.north, world.people.administrator, ("event.record",))


def rows(values, start: int = 0) -> list[dict]:
    return [
        {
            "event_key": f"e{start + i}",
            "patient": f"p{start + i}",
            "at": AT,
            "score": 0.4,
            "inputs": list(map(float, v)),
        }
        for i, v in enumerate(values)
    ]


def told(n: int, seed: int, shift: float = 0.0):
    values = np.random.default_rng(seed).beta(2, 5, (n, 4))
    values[:, 0] += shift
    return values


def send(caller, deployment, values, start: int) -> None:
    answer = caller.post(deployment, "events", {"records": rows(values, start)})
    assert answer.status_code == 200, answer.content


def test_the_gateway_counts_what_it_was_shown_and_stores_no_input(deployment, north, cases):
    for start in (0, 10):
        records = [cases(f"c{start + i}", features=[0.111, 0.52, 1.5, -1.0]) for i in range(10)]
        assert north.post(deployment, "predictions", {"records": records}).status_code == 200
    period = InputPeriod.objects.get()
    counts = np.array(period.counts).reshape(4, CELLS)
    assert (period.site, period.cases) == ("north", 20)
    assert [int(np.flatnonzero(row)[0]) for row in counts] == [3, 11, 21, 0] and (counts.sum(axis=1) == 20).all()
    columns = {field.name for field in Prediction._meta.concrete_fields}
    assert not columns & {"features", "inputs", "x"}


def test_no_row_ever_tells_the_inputs_of_fewer_than_twenty_patients(deployment, elsewhere):
    send(elsewhere, deployment, told(19, 1), 0)
    assert not InputPeriod.objects.exists()
    send(elsewhere, deployment, told(1, 2), 19)
    assert InputPeriod.objects.get().cases == 20
    send(elsewhere, deployment, told(5, 3), 20)
    assert InputPeriod.objects.get().cases == 20


def test_events_of_an_hour_are_added_up_and_a_later_hour_is_a_row_of_its_own(deployment):
    now = timezone.now().replace(minute=59, second=59, microsecond=0)
    cells = np.ones((20, 4), dtype=np.uint8)
    for at in (now, now, now + timedelta(seconds=2), now):  # the last one comes late, and joins the newest
        inputs._write(deployment.id, "north", cells, at)
    assert [(p.hour.hour, p.cases, sum(p.counts)) for p in InputPeriod.objects.all()] == [
        (now.hour, 40, 160), ((now.hour + 1) % 24, 40, 160),
    ]  # fmt: skip


def test_a_single_event_costs_no_statement_more_and_without_inputs_nothing_is_gathered(deployment, elsewhere):
    def statements(records) -> int:
        with CaptureQueriesContext(connection) as found:
            assert elsewhere.post(deployment, "events", {"records": records}).status_code == 200
        return len(found)

    bare = [{key: value for key, value in rows(told(1, 1), start)[0].items() if key != "inputs"} for start in (0, 1)]
    statements(bare[:1])  # what is read once a process
    assert statements(bare[1:]) == statements(rows(told(1, 2), 2))
    assert [sum(map(len, waiting)) for waiting in inputs._gathered.values()] == [1]


def test_a_repeated_request_and_a_refused_row_are_not_counted(deployment, elsewhere):
    records = rows(told(20, 1))
    for _ in range(2):
        elsewhere.post(deployment, "events", {"records": records}, **{"Idempotency-Key": "once"})
    assert InputPeriod.objects.get().cases == 20
    again = [*rows(told(19, 2), 100), *rows(told(3, 3), 0)]
    answer = elsewhere.post(deployment, "events?partial=1", {"records": again})
    assert answer.json()["accepted"] == 19
    assert InputPeriod.objects.get().cases == 20 and sum(map(len, next(iter(inputs._gathered.values())))) == 19


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([0.1, 0.2], "expected 4 numbers (a, b, c, …)"),
        ([0.1, 0.2, 0.3, 0.4, 0.5], "got 5"),
        (["a", 0.2, 0.3, 0.4], "Expected `float`"),
        ([0.1, None, 0.3, 0.4], "Expected `float`"),
    ],
)
def test_inputs_that_are_not_the_versions_are_refused_by_row(deployment, elsewhere, given, named):
    record = {**rows(told(1, 1))[0], "inputs": given}
    answer = elsewhere.post(deployment, "events", {"records": [record]})
    assert answer.status_code == 422
    assert named in answer.json()["message"] or named in answer.json()["records"][0]["message"]


def test_a_database_that_refuses_the_histogram_costs_no_accepted_event(deployment, elsewhere, monkeypatch):
    def fail(*args):
        raise DatabaseError("disk full")

    monkeypatch.setattr(inputs, "_write", fail)
    send(elsewhere, deployment, told(25, 1), 0)
    assert Prediction.objects.count() == 25 and not InputPeriod.objects.exists()


def fold(deployment) -> None:
    while monitoring.fold_deployment(deployment.id):
        pass


def test_a_change_turns_amber_and_asks_a_person_and_halts_nothing(deployment, elsewhere, client_of, world):
    for block in range(10):
        send(elsewhere, deployment, told(100, block), 100 * block)
        fold(deployment)
    assert not _drifted() and InputDrift.objects.get().state["n"] == 1000
    for block in range(10, 17):
        send(elsewhere, deployment, told(100, block, shift=0.4), 100 * block)
        fold(deployment)
    (alarm,) = _drifted()
    assert alarm["level"] == "amber" and alarm["metric"] == "a" and "has changed at north" in alarm["sentence"]
    assert any(key.startswith("input_drift:a:") for key in AmberDecision.objects.get().warnings)
    deployment.refresh_from_db()
    assert deployment.state == "active"
    page = client_of(world.people.officer_north).get(f"/deployments/{deployment.id}/").content.decode()
    assert "Inputs that changed most" in page and "shown at case" in page and "a at north" in page


def _drifted() -> list[dict]:
    return [alarm for alarm in MonitorState.objects.get().summary["alarms"] if alarm["rule"] == "input_drift"]


def test_a_new_epoch_forgets_what_was_watched(deployment, elsewhere):
    for block in range(3):
        send(elsewhere, deployment, told(100, block), 100 * block)
        fold(deployment)
    monitoring.epoch_begin(deployment_id=deployment.id, halt_id=deployment.id)
    row = InputDrift.objects.get()
    assert row.state["n"] == 0
    send(elsewhere, deployment, told(100, 9), 900)
    fold(deployment)
    assert InputDrift.objects.get().state["n"] == 100  # of the cases since, and not of those before


def test_the_reference_is_what_the_approved_audit_saw_at_the_site(world, elsewhere):
    version = make_version(world)
    audit = AuditRun.objects.create(version=version, policy={}, state=AuditRun.State.FINISHED)
    trained = [0] * 10 + [300] + [0] * 11
    CheckResult.objects.create(
        audit=audit, check_id="boundaries", principle="transparency", title="Boundaries", decides="informs",
        verdict="pass", sentence="Tested.", evidence={"histograms": {"north": {"a": trained}}}, digest="d" * 64,
    )  # fmt: skip
    make_evidence(version, source_id=audit.id)
    deployment = make_deployment(world, version=version)
    assert inputs.reference_of(deployment, "north")[0].tolist() == trained
    assert inputs.reference_of(deployment, "south") is None
    for block in range(5):
        send(elsewhere, deployment, told(100, block), 100 * block)
    fold(deployment)
    assert [(a["metric"], "training data" in a["sentence"]) for a in _drifted()] == [("a", True)]
