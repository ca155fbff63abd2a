"""Streams that need no label, calibration, intersections, and the replay of all of it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audits.runtime import amber, monitoring
from audits.runtime.beside import site_gaps
from audits.runtime.models import AmberDecision, Batch, DeploymentCounter, MonitorState
from models_registry.models import Deployment

pytestmark = pytest.mark.django_db


def fold(deployment) -> MonitorState:
    while monitoring.fold_deployment(deployment.id):
        pass
    return MonitorState.objects.get(deployment=deployment)


def stream_of(row: MonitorState, metric: str) -> dict:
    return next(stream for stream in row.summary["streams"] if stream["metric"] == metric)


def serve(caller, deployment, cases, names, **headers):
    records = [cases(name, "female" if i % 2 else "male") for i, name in enumerate(names)]
    answer = caller.post(deployment, "predictions", {"records": records}, **headers)
    assert answer.status_code == 200, answer.content
    return answer


def test_predictions_feed_the_selection_rate_and_the_scores_before_any_outcome(deployment, north, cases):
    serve(north, deployment, cases, "abcd")
    assert monitoring.waiting() == [deployment.id]
    row = fold(deployment)
    assert (row.position, row.predictions) == (0, 4)
    assert stream_of(row, "selection_rate")["pairs"] == 2
    assert row.summary["drift"]["predictions"] == 4
    assert monitoring.waiting() == []


def test_outcomes_do_not_feed_the_selection_rate_again_and_feed_the_calibration(deployment, north, cases):
    serve(north, deployment, cases, "abcd")
    told = {"records": [{"event_key": name, "label": 1} for name in "abcd"]}
    assert north.post(deployment, "outcomes", told).status_code == 200
    row = fold(deployment)
    assert stream_of(row, "selection_rate")["pairs"] == 2
    assert stream_of(row, "calibration")["pairs"] == 2
    assert stream_of(row, "tpr")["pairs"] == 2


def test_duplicates_and_outcomes_out_of_order_are_replayed_to_the_last_digit(deployment, north, cases):
    names = [f"c{i}" for i in range(40)]
    key = {"Idempotency-Key": "once"}
    serve(north, deployment, cases, names[:25], **key)
    fold(deployment)
    serve(north, deployment, cases, names[:25], **key)  # the same request again
    serve(north, deployment, cases, names[25:])
    for chosen in (names[30:], names[:7], names[7:30]):  # not the order in which they were predicted
        told = {"records": [{"event_key": name, "label": int(name[1:]) % 2} for name in chosen]}
        assert north.post(deployment, "outcomes", told).status_code == 200
        fold(deployment)
    again = {"records": [{"event_key": names[0], "label": 0}]}
    assert north.post(deployment, "outcomes", again).status_code in (409, 422)
    row = fold(deployment)
    assert (row.position, row.predictions) == (40, 40)
    found = monitoring.replay(deployment)
    assert found.equal
    out = StringIO()
    call_command("replay_monitor", stdout=out)
    assert "40 outcomes folded again: equal to the last digit" in out.getvalue()


def test_the_replay_says_which_differ_and_what_it_does_not_know(deployment, tell, stream):
    tell(deployment, stream(50, {"female": 0.8, "male": 0.9}))
    row = fold(deployment)
    row.state["predictions"]["drift"]["n"] += 1
    row.save()
    with pytest.raises(CommandError, match="1 of 1 differ"):
        call_command("replay_monitor", stdout=StringIO())
    with pytest.raises(CommandError, match="knows no deployment"):
        call_command("replay_monitor", "00000000-0000-0000-0000-000000000000")
    with pytest.raises(CommandError, match="Expected ids"):
        call_command("replay_monitor", "nothing")


def test_batches_without_a_position_are_passed_over(deployment, north, cases):
    serve(north, deployment, cases, "ab")
    Batch.objects.filter(kind="prediction").update(first_position=None)
    serve(north, deployment, cases, "cd")
    row = fold(deployment)
    assert (row.predictions, row.summary["drift"]["predictions"]) == (4, 2)
    assert monitoring.replay(deployment).equal


def test_an_epoch_of_an_earlier_release_looks_at_predictions_from_now_on(deployment, north, cases, tell, stream):
    tell(deployment, stream(20, {"female": 0.8, "male": 0.9}))
    row = fold(deployment)
    del row.state["predictions"]
    row.predictions = 0
    row.save()
    serve(north, deployment, cases, "ab")
    fold(deployment)
    serve(north, deployment, cases, "cd")
    row = fold(deployment)
    assert (row.predictions, row.summary["drift"]["predictions"]) == (4, 2)


def test_an_advisory_metric_warns_where_another_halts(world, deployment, tell, stream):
    policy = {**deployment.policy, "metrics": ["accuracy"], "advisory": ["accuracy"]}
    Deployment.objects.filter(id=deployment.id).update(policy=policy)
    tell(deployment, stream(1500, {"female": 0.1, "male": 0.95}))
    row = fold(deployment)
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    assert stream_of(row, "accuracy")["halted"] == {}
    assert any(alarm["rule"] == "betting" and alarm["level"] == "amber" for alarm in row.summary["alarms"])
    assert "may be the cause" in " ".join(AmberDecision.objects.get().warnings.values())


def test_intersections_are_watched_as_declared(deployment, tell, stream):
    groups = {"sex": ["female", "male"], "sex × sex": ["female × female", "male × male"]}
    Deployment.objects.filter(id=deployment.id).update(policy={**deployment.policy, "groups": groups})
    tell(deployment, stream(200, {"female": 0.8, "male": 0.9}))
    row = fold(deployment)
    crossed = [s for s in row.summary["streams"] if s["attribute"] == "sex × sex" and s["metric"] == "tpr"]
    assert crossed[0]["pairs"] == stream_of(row, "tpr")["pairs"] > 0


def test_each_site_stands_beside_the_pooled_streams(deployment, north, cases):
    names = [f"c{i}" for i in range(12)]
    serve(north, deployment, cases, names)
    found = site_gaps(deployment)
    assert [(row.site, row.title, row.n_higher) for row in found] == [("hospital-north", "Flagged share", 6)] or (
        found[0].n_higher == 6
    )
    assert found[0].low <= found[0].gap <= found[0].high


def test_a_deployment_without_a_limit_has_none(deployment):
    assert DeploymentCounter.objects.filter(deployment=deployment).count() <= 1
    deployment.policy = {}
    assert amber.most_predictions(deployment) is None
