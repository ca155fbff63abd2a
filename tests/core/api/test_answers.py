"""Problems, tags and pages: what every address of the API has in common."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from django.test import Client, RequestFactory
from rest_framework.exceptions import ParseError

from core.api.middleware import _readable
from core.api.parsers import DEEPEST, PlainJSONParser
from core.api.problems import MEDIA_TYPE
from tests.factories.federation import make_federation, make_run
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db
NOBODY = uuid.UUID(int=7)


@pytest.fixture
def world():
    return make_federation(make_people())


def asking(person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_every_error_is_a_problem_that_says_what_to_do(world):
    """Method, address, what is sent, as whom, status, code, and words of the detail."""
    people, runs = world.people, f"/api/v1/federations/{world.federation.id}/runs"
    ask = asking(people.administrator)
    table = [
        (Client(), "get", "/api/v1/runs", {}, 401, "not_authenticated", "Api-Key"),
        (Client(), "get", "/api/v1/runs", {"headers": {"Authorization": "Api-Key qfl_x_y"}}, 401,
         "authentication_failed", "administrator"),
        (asking(people.clinician), "get", "/api/v1/runs", {}, 403, "permission_denied", "Your roles: Clinician"),
        (ask, "get", f"/api/v1/runs/{NOBODY}", {}, 404, "not_found", "within your reach"),
        (ask, "get", "/api/v1/nothing/at/all", {}, 404, "not_found", "/api/v1/schema"),
        (ask, "delete", "/api/v1/runs", {}, 405, "method_not_allowed", "Expected GET"),
        (ask, "post", runs, {"data": "a=1", "content_type": "text/plain"}, 415, "unsupported_media_type",
         "Expected Content-Type application/json, got text/plain"),
        (ask, "post", runs, {"data": "{", "content_type": "application/json"}, 400, "parse_error", "Nothing was"),
        (ask, "post", runs, {"data": '{"name": "a\\u0000"}', "content_type": "application/json"}, 400, "parse_error",
         "U+0000"),
        (ask, "post", runs, {"data": '{"rounds": 999}', "content_type": "application/json"}, 400, "invalid",
         "rounds: Ensure this value"),
        (ask, "get", "/api/v1/runs?limit=501", {}, 400, "invalid", "from 1 to 500, got '501'"),
        (ask, "get", "/api/v1/runs?state=nice", {}, 400, "invalid", "state"),
        (ask, "get", "/api/v1/runs?state=%00", {}, 400, "invalid", "U+0000"),
        (ask, "post", f"/api/v1/runs/{make_run(world).id}/start", {}, 409, "conflict", ""),
    ]  # fmt: skip
    for client, method, path, sent, status, code, words in table:
        answer = getattr(client, method)(path, **sent)
        told = answer.json()
        assert (answer.status_code, told["code"], told["status"]) == (status, code, status), (path, told)
        assert answer["Content-Type"] == MEDIA_TYPE and words in told["detail"], told
        assert told["title"] and told["type"].endswith(f"#problem-{code}") and told["instance"] == path.split("?")[0]


def test_too_many_wrong_passwords_are_a_problem_with_a_pause(world):
    ask, path = asking(world.people.officer_north), "/api/v1/approval-keys"
    body = {"public_key": "x", "proof": "y", "password": "wrong"}
    answers = [ask.post(path, body, content_type="application/json") for _ in range(9)]
    assert {answer.status_code for answer in answers[:7]} == {400}
    last = answers[-1]
    assert last.status_code == 429 and last.json()["code"] == "locked_out" and int(last["Retry-After"]) > 0
    assert PASSWORD not in last.content.decode()


def test_what_was_read_has_a_tag_and_is_not_sent_twice(world):
    ask, path = asking(world.people.administrator), f"/api/v1/federations/{world.federation.id}"
    first = ask.get(path)
    assert first["ETag"] and "Authorization" in first["Vary"] and "private" in first["Cache-Control"]
    again = ask.get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    world.federation.name = "Another name"
    world.federation.save(update_fields=["name"])
    assert ask.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_who_changes_what_has_changed_meanwhile_is_told_how_it_stands(world):
    ask, run = asking(world.people.administrator), make_run(world)
    here, abort = f"/api/v1/runs/{run.id}", f"/api/v1/runs/{run.id}/abort"
    seen = ask.get(here)
    assert ask.post(abort, {"reason": "x"}, content_type="application/json").status_code == 200
    tag, body = seen["ETag"], {"reason": "Mine."}
    refused = ask.post(abort, body, content_type="application/json", headers={"If-Match": tag})
    told = refused.json()
    assert refused.status_code == 412 and told["code"] == "precondition_failed"
    assert told["current"]["state"] == "aborted" and told["etag"] == ask.get(here)["ETag"]
    again = ask.post(abort, body, content_type="application/json", headers={"If-Match": told["etag"]})
    assert again.status_code == 409  # with the right tag the request itself is judged
    nobody = asking(world.people.clinician).post(
        abort, body, content_type="application/json", headers={"If-Match": tag}
    )
    assert nobody.status_code == 403  # who may not read it is not told how it stands


def test_a_tag_is_held_against_the_nearest_address_that_can_be_read():
    one = f"/api/v1/incidents/{NOBODY}"
    assert _readable(f"{one}/facts") == one
    assert _readable(f"{one}/tasks/{NOBODY}/done") == one
    assert _readable(f"/api/v1/risks/{NOBODY}") == f"/api/v1/risks/{NOBODY}"
    assert _readable("/api/v1/nothing") is None


def test_a_list_comes_in_one_envelope_and_can_be_walked(world):
    ask, made = asking(world.people.auditor), [make_run(world) for _ in range(3)]
    page, seen = ask.get("/api/v1/runs?limit=2").json(), []
    assert set(page) == {"count", "next", "previous", "results"} and page["count"] == 3
    while True:
        seen += [row["id"] for row in page["results"]]
        if page["next"] is None:
            break
        page = ask.get(page["next"]).json()
    assert set(seen) == {str(run.id) for run in made} and len(seen) == 3
    assert ask.get(f"/api/v1/runs?federation={NOBODY}").json()["count"] == 0
    assert ask.get("/api/v1/runs?state=finished").json()["count"] == 0


@pytest.mark.parametrize(
    "body", [b'{"a": "\\ud800"}', b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), b'{"a": NaN}', b"\xff", b"[" * 100_000]
)
def test_what_cannot_be_kept_is_refused_before_anything_reads_it(body):
    with pytest.raises(ParseError):
        PlainJSONParser().parse(io.BytesIO(body), "application/json", {"encoding": "utf-8"})


def test_a_text_may_hold_as_many_brackets_as_it_likes():
    body = json.dumps({"a": "[" * 1000 + '\\"{'}).encode()
    assert PlainJSONParser().parse(io.BytesIO(body), "application/json", {"encoding": "utf-8"})["a"].count("[") == 1000


def test_a_bug_is_a_problem_too(monkeypatch):
    from qflethics.home.views import server_error

    answer = server_error(RequestFactory().get("/api/v1/runs"))
    assert answer.status_code == 500 and json.loads(answer.content)["code"] == "error"
