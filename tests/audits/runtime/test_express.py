"""The short way of a key's batches: what goes it, what does not, and that nobody can tell the two apart."""

import json

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory

from audits.runtime.express import ExpressMiddleware
from audits.runtime.latency import TIMES
from audits.runtime.models import Batch, Outcome, Prediction
from core.context import Said
from core.models import Outbox

pytestmark = pytest.mark.django_db
AT = "2026-03-01T08:30:00.250001+01:00"
USUAL = HttpResponse(b"the usual way", status=299)


def event(name: str) -> dict:
    return {"event_key": name, "patient": name, "at": AT, "attributes": {"sex": "female"}, "score": 0.75}


@pytest.fixture
def elsewhere(world, caller_class):
    return caller_class(world.people.north, world.people.administrator, ("event.record", "outcome.record"))


@pytest.fixture
def express():
    return ExpressMiddleware(lambda request: USUAL)


def post(caller, deployment, what: str = "events", body: dict | None = None, *, path: str = "", **headers):
    headers = {"Authorization": f"Api-Key {caller.secret}", **headers}
    return RequestFactory().post(
        path or f"/api/v1/deployments/{deployment.id}/{what}", json.dumps(body or {"records": [event("a")]}),
        content_type="application/json", headers={k: v for k, v in headers.items() if v},
    )  # fmt: skip


def test_events_and_outcomes_in_order_never_meet_what_is_made_for_people(express, deployment, elsewhere):
    answers = [
        express(post(elsewhere, deployment)),
        express(post(elsewhere, deployment, "outcomes", {"records": [{"event_key": "a", "label": 1}]})),
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (Prediction.objects.count(), Outcome.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""}, {"Authorization": "Api-Key qfl_000000000000_wrong"}, {"Authorization": "Bearer x"},
        {"Accept": "text/html"}, {"Host": "elsewhere.example"}, {"Idempotency-Key": "k" * 300},
        {"Content-Encoding": "br"},
    ],
    ids=lambda headers: "-".join(headers),
)  # fmt: skip
def test_what_is_not_in_order_goes_the_usual_way_and_stores_nothing(express, deployment, elsewhere, headers):
    assert express(post(elsewhere, deployment, **headers)) is USUAL
    assert not Prediction.objects.exists()


def test_a_row_that_cannot_be_used_goes_the_usual_way(express, deployment, elsewhere):
    assert express(post(elsewhere, deployment, body={"records": [event("a"), {}]})) is USUAL
    assert not Prediction.objects.exists()


def test_a_key_may_do_here_what_it_may_do_elsewhere_and_no_more(express, deployment, world, caller_class):
    other = caller_class(world.people.north, world.people.administrator, ("outcome.record",))
    assert express(post(other, deployment)) is USUAL


def test_other_addresses_and_methods_go_the_usual_way(express, deployment, elsewhere):
    other = f"/api/v1/deployments/{deployment.id}/events/"
    assert express(post(elsewhere, deployment, path=other)) is USUAL
    assert express(RequestFactory().get(f"/api/v1/deployments/{deployment.id}/events")) is USUAL


def test_both_ways_answer_alike_and_are_recorded_alike(deployment, elsewhere, settings):
    def send(name: str):
        return Client().post(
            f"/api/v1/deployments/{deployment.id}/events", json.dumps({"records": [event(name)]}),
            content_type="application/json",
            headers={"Authorization": f"Api-Key {elsewhere.secret}", "X-Request-Id": f"request-{name}"},
        )  # fmt: skip

    short = send("short")
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Express" not in name]
    usual = send("usual")
    unlike = {"batch", "at"}
    assert {k: v for k, v in short.json().items() if k not in unlike} == {
        k: v for k, v in usual.json().items() if k not in unlike
    }
    for header in ("Content-Type", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"):
        assert short.headers[header] == usual.headers[header]
    assert short.headers["Content-Length"] == str(len(short.content))
    assert short.headers["X-Request-Id"] == "request-short"
    assert short.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    said: list[Said] = [row.said for row in Outbox.objects.filter(table=Batch._meta.db_table).order_by("id")]
    assert [s.request_id for s in said] == ["request-short", "request-usual"]
    assert said[0].actor == said[1].actor is not None
    assert said[0].action == said[1].action == "event.record"


def test_the_time_that_it_took_is_counted(express, deployment, elsewhere):
    before = sum(TIMES.counted.get(("events", "2xx"), ([], 0))[0])
    express(post(elsewhere, deployment))
    assert sum(TIMES.counted[("events", "2xx")][0]) == before + 1


def test_it_stands_behind_the_security_headers_and_before_everything_that_needs_a_session():
    order = list(settings.MIDDLEWARE)
    assert order.index("django.middleware.security.SecurityMiddleware") == 0
    assert order.index("audits.runtime.express.ExpressMiddleware") == 1
