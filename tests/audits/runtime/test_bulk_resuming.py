"""A file that is interrupted, however: what was served reaches who asked, once; what passes is waited for."""

from __future__ import annotations

import json

import pytest

from audits.runtime import bulk, services
from audits.runtime.inference import ModelBusy
from audits.runtime.models import Prediction
from audits.runtime.models_bulk import BulkPrediction
from audits.runtime.restrictions import restriction_place
from audits.runtime.scope import refused_of
from audits.runtime.standing import ChainUnknown
from core import artefacts, jobs
from core.models import Job
from tests.audits.runtime.conftest import case
from tests.audits.runtime.test_bulk import rows_of, table, work
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db


def again(made):
    """Its next attempt, when it is due."""
    Job.objects.filter(kind="bulk.predict", state="queued").update(next_run_at=made.created_at)
    return work(made)


@pytest.fixture
def killed(start, monkeypatch):
    """A file of two parts whose worker is killed after it was served the first and before it notes that."""
    monkeypatch.setattr(bulk, "PART", 3)

    def die(*arguments):
        raise RuntimeError("killed")

    made = start(table(5))
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_show", die)
        work(made)
    assert (made.state, made.done, Prediction.objects.count()) == ("running", 0, 3)
    return made


def dying(note):
    """The worker is killed once it has noted a part."""

    def die(*arguments):
        note(*arguments)
        raise RuntimeError("killed")

    return die


def test_what_was_served_before_a_halt_reaches_who_asked(killed, world, deployment):
    services.deployment_halt(deployment=deployment, reason="It harms patients.", actor=world.people.officer_north)
    made = again(killed)
    assert (made.state, made.predicted, len(rows_of(made))) == ("stopped", 3, 3)


def test_what_was_served_before_a_restriction_reaches_who_asked(killed, world):
    restriction_place(request=killed.id, institution=world.people.north, patient="p1", subjects=[])
    made = again(killed)
    assert (made.state, made.predicted, Prediction.objects.count()) == ("finished", 5, 5)


def test_what_was_served_before_a_cancellation_reaches_who_asked(killed, clinician):
    bulk.bulk_cancel(bulk=killed, actor=clinician)
    made = again(killed)
    assert (made.state, made.predicted, Prediction.objects.count()) == ("cancelled", 3, 3)


def test_a_caller_who_repeats_a_request_is_told_of_the_halt(deployment, north, cases, world):
    body, key = {"records": [cases("a")]}, {"Idempotency-Key": "k"}
    assert north.post(deployment, "predictions", body, **key).status_code == 200
    services.deployment_halt(deployment=deployment, reason="It harms patients.", actor=world.people.officer_north)
    assert north.post(deployment, "predictions", body, **key).status_code == 423


@pytest.mark.parametrize("error", [ModelBusy("busy"), ChainUnknown("Try again.")])
def test_what_is_unavailable_for_a_while_is_waited_for(start, monkeypatch, error):
    def refuse(**arguments):
        raise error

    made = start(table(2))
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "predictions_create", refuse)
        work(made)
    assert made.state == "running"
    assert again(made).predicted == 2


def test_a_file_that_progresses_is_not_given_up(start, monkeypatch):
    """Its worker dies after each part, more often than a job without progress is tried."""
    monkeypatch.setattr(bulk, "PART", 1)
    monkeypatch.setattr(bulk, "ATTEMPTS", 2)
    made = start(table(6))

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_note", dying(bulk._note))
        for _ in range(6):
            again(made)
    assert (again(made).state, made.predicted) == ("finished", 6)


def test_a_worker_that_comes_back_late_replaces_nothing(start, monkeypatch):
    """It stalls before it notes its part, and another one finishes the file meanwhile."""
    monkeypatch.setattr(bulk, "PART", 2)
    made, show, late = start(table(4)), bulk._show, []

    def stall(*arguments):
        monkeypatch.setattr(bulk, "_show", show)
        Job.objects.update(lease_until=made.created_at)
        work(made)
        late.append(made.results)
        show(*arguments)

    monkeypatch.setattr(bulk, "_show", stall)
    work(made)
    assert (made.state, made.done, made.predicted) == ("finished", 4, 4)
    assert late == [made.results] and artefacts.size(made.results) is not None
    assert len(rows_of(made)) == 4


@pytest.mark.parametrize(("ahead", "met"), [(True, jobs.LeaseLost), (False, artefacts.ArtefactError)])
def test_answers_that_cannot_be_read_are_not_asked_for_again(start, deployment, monkeypatch, ahead, met):
    """Another worker has replaced them, which is no fault; or the file is gone, which the job's error tells."""
    monkeypatch.setattr(bulk, "PART", 1)
    made = start(table(2))

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_note", dying(bulk._note))
        work(made)
    artefacts.remove(made.results)
    assert (again(made).state, made.done) == ("running", 1)
    read = BulkPrediction.objects.select_related("deployment__version__model", "requested_by").get(id=made.id)
    if ahead:
        BulkPrediction.objects.filter(id=made.id).update(results="0" * 64)
    with pytest.raises(met):
        bulk._answers_so_far(read)


def test_a_refused_row_is_counted_once_by_each_limit_and_says_all_of_them(start, world, monkeypatch):
    limited = make_deployment(world, policy={"age": [18, 65], "devices": ["Scan One"]})
    lines = [case(f"e{i}", age=3, device="Scan Two" if i < 30 else "Scan One") for i in range(63)]
    lines.append(case("good", age=30, device="Scan One"))
    made = work(start("\n".join(map(json.dumps, lines)).encode(), "cases.jsonl", to=limited))
    assert (made.state, made.predicted, made.refused) == ("finished", 1, 63)
    assert {row.limit: row.count for row in refused_of(limited)} == {"Age": 63, "Device": 30}
    first, last = rows_of(made)[0]["problem"], rows_of(made)[62]["problem"]
    assert "age: " in first and "; device: " in first and "device: " not in last
