"""What must hold when requests, the monitor and officers meet. Real commits, real threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audits.runtime import halting, monitoring, services
from audits.runtime.batches import batch_intact
from audits.runtime.models import (
    Batch,
    DailyRollup,
    DeploymentCounter,
    EventKey,
    Halt,
    MonitorState,
    Outcome,
    Prediction,
    Review,
    Rollup,
)
from core.errors import Conflict
from models_registry.models import Deployment

pytestmark = pytest.mark.django_db(transaction=True)


def together(*calls):
    """Run the calls in a thread each; their results in order."""

    def closing(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(closing, call) for call in calls]]


def test_after_a_halt_has_committed_no_prediction_is_served_to_fifty_clients(world, deployment, north, cases):
    """Fifty clients ask without pause and an officer halts in the middle. What counts is the order of commits.

    The rows are counted inside the halt's own transaction, when it has the lock: what is committed by then was
    committed before the halt. If no row is added later, no prediction's commit follows the halt's.
    """
    clients, served, started = 50, [], threading.Event()
    north.post(deployment, "predictions", {"records": [cases("warm-up")]})

    def client(name: str):
        statuses = []
        for i in range(400):
            answer = north.post(deployment, "predictions", {"records": [cases(f"{name}-{i}-{j}") for j in range(2)]})
            statuses.append(answer.status_code)
            if answer.status_code == 423:
                break
            served.append(name)
            if len(served) >= 2 * clients:
                started.set()
        return statuses

    def officer():
        assert started.wait(60)
        with transaction.atomic():
            services.deployment_halt(
                deployment=deployment, reason="A patient was misread.", actor=world.people.officer_north
            )
            return Prediction.objects.count()

    *statuses, before_the_halt = together(*(lambda n=n: client(f"c{n}") for n in range(clients)), officer)
    assert Prediction.objects.count() == before_the_halt  # nothing was committed after the halt
    assert before_the_halt == 1 + sum(2 for mine in statuses for status in mine if status == 200) > 2 * clients
    assert all({*mine} <= {200, 423} and mine[-1] == 423 for mine in statuses)
    assert Prediction.objects.count() == EventKey.objects.count() == DeploymentCounter.objects.get().predictions
    assert Halt.objects.get().closed_at is None


def test_a_prediction_that_a_halt_overtakes_is_rolled_back(world, deployment, north, cases, monkeypatch):
    """The state was active when inference began, and halted before the commit."""
    from audits.runtime import gateway

    inferred, go_on = threading.Event(), threading.Event()
    real = gateway.infer

    def slow(*args):
        answers = real(*args)
        inferred.set()
        assert go_on.wait(30)
        return answers

    monkeypatch.setattr(gateway, "infer", slow)

    def officer():
        assert inferred.wait(30)
        services.deployment_halt(
            deployment=deployment, reason="A patient was misread.", actor=world.people.officer_south
        )
        go_on.set()

    answer, _ = together(lambda: north.post(deployment, "predictions", {"records": [cases("a")]}), officer)
    assert answer.status_code == 423
    assert Prediction.objects.count() == 0
    assert EventKey.objects.count() == 0


def test_a_halt_waits_for_the_prediction_that_is_being_committed(world, deployment, north, cases):
    """While a prediction holds the shared lock, a halt does not commit; it does right afterwards."""
    from audits.runtime.locks import lock_shared

    held, release, order = threading.Event(), threading.Event(), []

    def prediction():
        with transaction.atomic():
            lock_shared(deployment.id)
            held.set()
            assert release.wait(30)
            order.append("prediction")

    def officer():
        assert held.wait(30)
        threading.Timer(0.3, release.set).start()
        services.deployment_halt(
            deployment=deployment, reason="A patient was misread.", actor=world.people.officer_north
        )
        order.append("halt")

    together(prediction, officer)
    assert order == ["prediction", "halt"]


def test_the_refusal_says_why_since_when_and_which_halt(world, deployment, north, cases):
    halt = services.deployment_halt(
        deployment=deployment, reason="Two women were misread.", actor=world.people.officer_north
    )
    body = north.post(deployment, "predictions", {"records": [cases("a")]})
    assert body.status_code == 423
    told = body.json()
    assert told["code"] == "halted"
    assert (told["halt"], told["reason"], told["automatic"]) == (str(halt.id), "Two women were misread.", False)
    assert told["since"] == halt.created_at.isoformat()
    assert "two ethics officers of two institutions" in told["message"]


def test_a_retry_gets_no_answer_while_the_deployment_is_halted(world, deployment, north, cases):
    body = {"records": [cases("a")]}
    assert north.post(deployment, "predictions", body, **{"Idempotency-Key": "k"}).status_code == 200
    services.deployment_halt(deployment=deployment, reason="A patient was misread.", actor=world.people.officer_north)
    assert north.post(deployment, "predictions", body, **{"Idempotency-Key": "k"}).status_code == 423


def test_positions_stay_gapless_when_many_tell_outcomes_at_once(deployment, north, cases):
    for n in range(6):
        north.post(deployment, "predictions", {"records": [cases(f"{n}-{i}") for i in range(20)]})

    def tell(n: int):
        statuses = []
        for start in range(0, 20, 5):
            records = [{"event_key": f"{n}-{i}", "label": i % 2} for i in range(start, start + 5)]
            statuses.append(north.post(deployment, "outcomes", {"records": records}).status_code)
        return statuses

    assert together(*(lambda n=n: tell(n) for n in range(6))) == [[200] * 4] * 6
    positions = list(Outcome.objects.order_by("position").values_list("position", flat=True))
    assert positions == list(range(1, 121))
    assert all(batch_intact(batch) for batch in Batch.objects.filter(kind="outcome"))
    ranges = sorted((b.first_position, b.rows) for b in Batch.objects.filter(kind="outcome"))
    assert ranges == [(1 + 5 * i, 5) for i in range(24)]
    while monitoring.fold_deployment(deployment.id):
        pass
    assert MonitorState.objects.get().position == 120
    assert monitoring.replay(deployment).equal


def test_the_same_request_sent_at_the_same_moment_is_stored_once(deployment, north, cases):
    body = {"records": [cases(f"x{i}") for i in range(5)]}
    answers = together(*[lambda: north.post(deployment, "predictions", body, **{"Idempotency-Key": "same"})] * 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert Prediction.objects.count() == 5
    assert DeploymentCounter.objects.get().predictions == 5


def test_two_requests_with_one_name_in_common_do_not_both_pass(deployment, north, cases):
    first = {"records": [cases("only-1"), cases("shared")]}
    second = {"records": [cases("shared"), cases("only-2")]}
    answers = together(*(lambda b=b: north.post(deployment, "predictions", b) for b in (first, second)))
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert Prediction.objects.count() == 2


def test_the_monitor_and_an_officer_halt_at_once_and_one_halt_stands(world, deployment, tell, stream):
    tell(deployment, stream(1200, {"female": 0.3, "male": 0.9}))

    def officer():
        try:
            services.deployment_halt(
                deployment=deployment, reason="I saw misread patients.", actor=world.people.officer_north
            )
        except Conflict:
            return "late"
        return "first"

    together(lambda: monitoring.fold_deployment(deployment.id), officer)
    assert Halt.objects.count() == 1
    assert MonitorState.objects.get().position == 1200
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.HALTED


def test_two_votes_at_the_same_moment_reinstate_once(deployment, vote, reviewers):
    halt = halting.halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=0)
    together(*(lambda r=r: vote(Halt.objects.get(id=halt.id), r) for r in reviewers))
    deployment.refresh_from_db()
    halt.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    assert halt.closed_at is not None
    assert len(MonitorState.objects.get().summary["epochs"]) == 1


def test_a_reinstatement_while_outcomes_arrive_loses_none_of_them(deployment, tell, stream, vote, reviewers):
    halt = halting.halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=0)
    cases = stream(200, {"female": 0.85, "male": 0.85})

    def outcomes():
        for start in range(0, 200, 20):
            tell(deployment, cases[start : start + 20])

    def votes():
        for reviewer in reviewers:
            vote(halt, reviewer)

    def folds():
        for _ in range(30):
            monitoring.fold_deployment(deployment.id)
            time.sleep(0.01)

    together(outcomes, votes, folds)
    while monitoring.fold_deployment(deployment.id):
        pass
    row = MonitorState.objects.get()
    assert row.position == 200 == DeploymentCounter.objects.get().outcomes
    assert monitoring.replay(deployment).equal


def test_reviews_and_outcomes_that_meet_count_each_wrong_case_once(world, deployment, caller_class, cases):
    from audits.runtime.reviews import reliance_of

    north = caller_class(
        world.people.north, world.people.administrator, ["prediction.request", "outcome.record", "review.record"]
    )
    said = north.post(deployment, "predictions", {"records": [cases(f"c{i}") for i in range(40)]}).json()["predictions"]
    wrong = [{"event_key": row["event_key"], "label": 1 - row["label"]} for row in said]
    words = [{"event_key": row["event_key"], "decision": "accepted"} for row in said]

    def send(what: str, records: list[dict]):
        return [north.post(deployment, what, {"records": records[i : i + 4]}).status_code for i in range(0, 40, 4)]

    sent = together(
        lambda: send("outcomes", wrong), lambda: send("reviews", words), lambda: send("reviews", words[::-1])
    )
    assert sent[0] == [200] * 10
    assert sorted({*sent[1], *sent[2]}) in ([200], [200, 422])  # a case is reviewed once
    everybody = reliance_of(deployment)[0]
    assert everybody.reviewed == Review.objects.count() == everybody.accepted_wrong.n
    assert everybody.reviewed > 0


def test_a_case_that_two_contest_at_once_has_one_appeal(world, deployment, north, cases):
    from audits.runtime.appeals import appeal_file

    north.post(deployment, "predictions", {"records": [cases("a")]})

    def contest(actor):
        try:
            appeal_file(
                deployment=deployment, event_key="a", contested_by="clinician", grounds="Misread.  Twice.", actor=actor
            )
        except Conflict:
            return "late"
        return "first"

    people = (world.people.clinician, world.people.officer_north)
    assert sorted(together(*(lambda p=p: contest(p) for p in people))) == ["first", "late"]


def test_single_events_at_once_are_each_stored_once_with_gapless_numbers(world, deployment, caller_class):
    """Eight senders tell single events of the same few patients, twice under each key, some names under four.

    Every answer is of a commit of its own: one batch, one row, one number; a retry gets the answer that is stored.
    """
    sender = caller_class(world.people.north, world.people.administrator, ("event.record",))
    at = timezone.now().isoformat()

    def tell(who: int):
        statuses = []
        for n in range(12):
            row = {"event_key": f"e{n}" if n % 4 == 0 else f"{who % 4}-{n}", "patient": n % 3, "at": at, "label": 1}
            key = {"Idempotency-Key": f"{who % 4}-{n}"}
            answer = sender.post(deployment, "events", {"records": [row]}, **key)
            statuses.append((row["event_key"], answer.status_code, answer.json().get("batch")))
        return statuses

    told = [one for mine in together(*(lambda who=who: tell(who) for who in range(8))) for one in mine]
    batches = {name: {batch for other, _, batch in told if other == name and batch} for name, *_ in told}
    assert all(len(found) == 1 for found in batches.values())  # a retry is answered with the batch of the first
    assert {status for _, status, _ in told} == {200, 422}
    assert {name for name, status, _ in told if status == 422} == {"e0", "e4", "e8"}
    stored = len(batches)
    assert (
        Prediction.objects.count() == EventKey.objects.count() == stored == DeploymentCounter.objects.get().predictions
    )
    assert sorted(Batch.objects.values_list("first_position", flat=True)) == list(range(1, stored + 1))
    assert all(batch_intact(batch) for batch in Batch.objects.all())
    assert Rollup.objects.get(metric="selection_rate").n == DailyRollup.objects.get(metric="selection_rate").n == stored
