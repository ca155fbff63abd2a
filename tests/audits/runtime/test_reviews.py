import pytest
from django.utils import timezone

from audits.runtime import history
from audits.runtime.models import Appeal, Review, Rollup
from audits.runtime.reviews import reliance_of
from core.models import Outbox
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
ACTIONS = ("prediction.request", "outcome.record", "review.record")


@pytest.fixture
def north(world, caller_class):
    return caller_class(world.people.north, world.people.administrator, ACTIONS)


@pytest.fixture
def south(world, caller_class):
    return caller_class(world.people.south, world.people.administrator, ACTIONS)


def word(name: str, decision: str = "accepted", **fields) -> dict:
    return {"event_key": name, "decision": decision, **fields}


def predict(caller, deployment, cases, names) -> dict[str, int]:
    """The label that the model gave each case."""
    answer = caller.post(deployment, "predictions", {"records": [cases(name) for name in names]})
    return {row["event_key"]: row["label"] for row in answer.json()["predictions"]}


def test_a_batch_of_reviews_is_stored_and_counted(deployment, north, cases, alias):
    said = predict(north, deployment, cases, "abc")
    rows = [word("a"), word("b", "overrode", why="other_test", note="Biopsy."), word("c", "not_used")]
    answer = north.post(deployment, "reviews", {"records": rows})
    assert answer.status_code == 200, answer.content
    assert answer.json()["decisions"] == {"accepted": 1, "overrode": 1, "not_used": 1}
    stored = Review.objects.get(event_key=alias(deployment, "b"))
    assert (stored.decision, stored.why, stored.note, stored.site) == ("overrode", "other_test", "Biopsy.", "north")
    assert stored.flagged == bool(said["b"])
    entries = Outbox.objects.filter(table="audits_runtime_review")
    assert entries.count() == 3
    assert "Biopsy" not in str([entry.body for entry in entries])


def test_the_same_request_is_answered_again_and_stored_once(deployment, north, cases):
    predict(north, deployment, cases, "a")
    answers = [
        north.post(deployment, "reviews", {"records": [word("a")]}, **{"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert Review.objects.count() == 1
    other = north.post(deployment, "reviews", {"records": [word("a", "overrode")]}, **{"Idempotency-Key": "k"})
    assert other.status_code == 409


def test_a_review_is_never_changed_and_a_bad_record_stores_nothing(deployment, north, cases):
    predict(north, deployment, cases, "ab")
    assert north.post(deployment, "reviews", {"records": [word("a")]}).status_code == 200
    again = north.post(deployment, "reviews", {"records": [word("b"), word("a", "overrode")]})
    assert again.status_code == 422
    assert "'a' was reviewed already" in again.json()["message"]
    assert Review.objects.count() == 1


def test_the_database_keeps_a_review(deployment, north, cases):
    from django.db import transaction
    from django.db.utils import InternalError

    predict(north, deployment, cases, "a")
    north.post(deployment, "reviews", {"records": [word("a")]})
    with pytest.raises(InternalError, match="update"), transaction.atomic():
        Review.objects.update(decision="overrode")


BAD = {
    "event_key": [{"event_key": "nobody"}, {"event_key": ""}, {"event_key": 5}],
    "decision": [{"decision": "ignored"}, {"decision": None}],
    "why": [{"why": "mood"}],
    "note": [{"note": "x" * 2001}, {"note": "a\u0000b"}, {"note": 5}],
    "record": [{"surprise": 1}],
}


def test_a_bad_review_is_refused_by_number_and_field(deployment, north, cases):
    predict(north, deployment, cases, "ab")
    for name, rows in BAD.items():
        for wrong in rows:
            answer = north.post(deployment, "reviews", {"records": [word("a"), {**word("b"), **wrong}]})
            assert answer.status_code == 422, (wrong, answer.content)
            first = answer.json()["records"][0]
            assert (first["record"], first["field"]) == (1, name), first
    assert not Review.objects.exists()


def test_another_site_cannot_review_and_a_key_needs_the_action(world, deployment, north, south, cases, caller_class):
    predict(north, deployment, cases, "a")
    assert south.post(deployment, "reviews", {"records": [word("a")]}).status_code == 422
    weak = caller_class(world.people.north, world.people.administrator)
    assert weak.post(deployment, "reviews", {"records": [word("a")]}).status_code == 403


def test_a_shadow_answer_cannot_be_reviewed(world, north, cases):
    shadow = make_deployment(world, kind="shadow")
    north.post(shadow, "predictions", {"records": [cases("a")]})
    answer = north.post(shadow, "reviews", {"records": [word("a")]})
    assert answer.status_code == 409
    assert "withheld" in answer.json()["message"]


@pytest.mark.parametrize("outcomes_first", [True, False])
def test_reliance_by_site_whichever_comes_first(deployment, north, south, cases, outcomes_first):
    """North: 4 predictions, 3 reviewed (2 accepted, 1 overridden), 2 wrong of which 1 was accepted. South: 1, none."""
    said = predict(north, deployment, cases, ["a", "b", "c", "d"])
    predict(south, deployment, cases, ["s"])
    steps = [
        ("reviews", [word("a"), word("b"), word("c", "overrode")]),
        ("outcomes", [{"event_key": name, "label": said[name] if name == "a" else 1 - said[name]} for name in "abc"]),
    ]
    for what, records in reversed(steps) if outcomes_first else steps:
        answer = north.post(deployment, what, {"records": records})
        assert answer.status_code == 200, answer.content
    everybody, at_north, at_south = reliance_of(deployment)
    assert [row.site for row in (everybody, at_north, at_south)] == ["", "north", "south"]
    assert (at_north.served, at_north.reviewed) == (4, 3)
    assert at_north.unreviewed.mean == pytest.approx(1 / 4)
    assert at_north.accepted.mean == pytest.approx(2 / 3)
    assert at_north.overrode.mean == pytest.approx(1 / 3)
    assert (at_north.accepted_wrong.n, at_north.accepted_wrong.mean) == (2, 0.5)
    assert (at_south.served, at_south.unreviewed.mean, at_south.accepted.mean) == (1, 1.0, None)
    assert (everybody.served, everybody.unreviewed.mean) == (5, pytest.approx(2 / 5))
    assert everybody.accepted_wrong.n == 2


def test_an_unwatched_deployment_has_no_rates(deployment):
    (everybody,) = reliance_of(deployment)
    assert (everybody.served, everybody.unreviewed.mean, everybody.accepted_wrong.mean) == (0, None, None)


def test_the_api_gives_the_rates(world, deployment, north, cases, client_of):
    predict(north, deployment, cases, "ab")
    north.post(deployment, "reviews", {"records": [word("a")]})
    answer = client_of(world.people.auditor).get(f"/api/v1/deployments/{deployment.id}/reviews")
    assert answer.status_code == 200
    whole, at_north = answer.json()["results"]
    assert (whole["site"], at_north["site"], at_north["unreviewed"]["mean"]) == ("", "north", 0.5)
    assert at_north["accepted_wrong"] == {"n": 0, "mean": None, "lower": None, "upper": None}


def test_reviews_leave_the_rates_by_group_as_they_were(deployment, north, cases):
    end = timezone.now() + history.HOUR
    window = history.Window("day", end - history.DAY, end)
    predict(north, deployment, cases, "a")
    before = history.group_rates(deployment, window)
    north.post(deployment, "reviews", {"records": [word("a")]})
    assert history.group_rates(deployment, window) == before != {}
    assert Rollup.objects.filter(metric="review.accepted").count() == 1
    assert not Appeal.objects.exists()
