"""Live streams in-process: who may watch, what starts an event, and what a page of another host gets."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.test import AsyncClient, Client

from audits.runtime.models import Halt, MonitorState
from core.roles import Role
from federation.models import RunEvent
from federation.presentation.progress import run_fingerprint
from models_registry.models import Deployment
from qflethics.live import views, watch
from qflethics.live.topics import Topic, deployment_fingerprint, home_fingerprint
from tests.factories import registry
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_institution, make_people, make_reviewers, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("qflethics.live.urls")]
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def run(world):
    return make_run(world)


async def get(user, path: str, **headers):
    client = AsyncClient()
    if user is not None:
        await client.aforce_login(user, backend=BACKEND)
    return await client.get(path, headers=headers)


def status(user, path: str) -> int:
    return async_to_sync(get)(user, path).status_code


def paths(run, deployment_id) -> list[str]:
    return [f"/live/run/{run.id}/", f"/live/deployment/{deployment_id}/", "/live/home/"]


def test_roles_and_institutions_are_those_of_the_pages(world, run):
    deployment = registry.make_deployment(world)
    other = make_user("operator.other@test.example", Role.SITE_OPERATOR, make_institution("other"))
    people = world.people
    for user, expected in (
        (people.administrator, [200, 200, 200]),
        (people.operator_south, [200, 200, 200]),
        (people.clinician, [403, 200, 200]),
        (people.outsider, [404, 404, 200]),
        (other, [404, 404, 200]),
        (None, [403, 403, 403]),
    ):
        assert [status(user, path) for path in paths(run, deployment.id)] == expected, user


def test_a_refusal_is_plain_text_and_leads_nowhere(run):
    response = async_to_sync(get)(None, f"/live/run/{run.id}/")
    assert response["Content-Type"].startswith("text/plain") and b"Sign in" in response.content
    assert "Location" not in response


def test_what_does_not_exist_is_404(world):
    assert status(world.people.administrator, f"/live/run/{uuid.uuid4()}/") == 404


def test_a_stream_is_only_read(world):
    async def post():
        client = AsyncClient()
        await client.aforce_login(world.people.administrator, backend=BACKEND)
        return await client.post("/live/home/")

    assert async_to_sync(post)().status_code == 405


async def read(stream, seconds: float = 5) -> str:
    part = await asyncio.wait_for(anext(stream), seconds)
    return part.decode() if isinstance(part, bytes) else part


def test_an_event_follows_each_change_and_carries_the_fingerprint(world, run):
    async def watch_it():
        seen = await sync_to_async(run_fingerprint)(run.id)
        response = await get(world.people.auditor, f"/live/run/{run.id}/?last_event_id={seen}")
        assert response["Content-Type"] == "text/event-stream" and response["Cache-Control"] == "no-store"
        stream = aiter(response.streaming_content)
        assert await read(stream) == "retry: 1000\n\n"
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(1.0)
        assert not waiting.done()  # nothing has changed since the page was drawn
        await sync_to_async(RunEvent.objects.create)(run=run, kind="round", text="Round 1 started")
        part = (await asyncio.wait_for(waiting, 5)).decode()
        now = await sync_to_async(run_fingerprint)(run.id)
        assert part == f"id: {now}\nevent: changed\ndata: run\n\n" and now != seen
        await stream.aclose()

    async_to_sync(watch_it)()


def test_a_page_that_missed_a_change_is_told_at_once(world, run):
    async def watch_it(headers):
        response = await get(world.people.auditor, f"/live/run/{run.id}/", **headers)
        stream = aiter(response.streaming_content)
        await read(stream)
        part = await read(stream)
        await stream.aclose()
        return part

    assert "event: changed" in async_to_sync(watch_it)({"Last-Event-ID": "an older one"})
    assert "event: changed" in async_to_sync(watch_it)({})


def test_a_quiet_stream_gives_signs_of_life_and_ends_so_that_rights_are_looked_at_again(world, run, monkeypatch):
    monkeypatch.setattr(views, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(views, "STREAM_SECONDS", 0.8)

    async def watch_it():
        seen = await sync_to_async(run_fingerprint)(run.id)
        response = await get(world.people.auditor, f"/live/run/{run.id}/?last_event_id={seen}")
        return [part.decode() async for part in response.streaming_content]

    parts = async_to_sync(watch_it)()
    assert parts[0] == "retry: 1000\n\n" and 2 <= len(parts) <= 5
    assert set(parts[1:]) == {": still here\n\n"}


def test_all_who_watch_the_same_thing_share_one_look_which_ends_with_the_last_of_them(run, monkeypatch):
    looks = []

    def look(topic: Topic) -> str:
        looks.append(topic)
        return "same"

    monkeypatch.setattr(Topic, "fingerprint", look)

    async def many():
        topic = Topic("run", run.id)
        async with watch.watching(topic) as first, watch.watching(Topic("run", run.id)) as second:
            assert first is second
            await asyncio.wait_for(asyncio.gather(*(first.changed("") for _ in range(50))), 5)
        assert watch._watches == {}
        before = len(looks)
        await asyncio.sleep(0.9)
        return before, len(looks)

    before, after = async_to_sync(many)()
    assert before == after == 1


def test_a_database_that_is_away_does_not_end_the_stream(run, monkeypatch):
    from django.db import OperationalError

    answers = iter([OperationalError("away"), "back"])

    def look(topic):
        answer = next(answers, "back")
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Topic, "fingerprint", look)

    async def wait():
        async with watch.watching(Topic("run", run.id)) as shared:
            return await asyncio.wait_for(shared.changed(""), 5)

    assert async_to_sync(wait)() == "back"


def test_when_the_browser_leaves_the_looking_stops(world, run):
    client = Client()
    client.force_login(world.people.auditor, backend=BACKEND)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": f"/live/run/{run.id}/", "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"cookie", cookie.encode())], "client": ("127.0.0.1", 1),
        "server": ("testserver", 80), "scheme": "http",
    }  # fmt: skip

    async def leave_after_the_first_event():
        left, sent, received = asyncio.Event(), [], [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if received:
                return received.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if b"event: changed" in message.get("body", b""):
                assert len(watch._watches) == 1
                left.set()

        await asyncio.wait_for(get_asgi_application()(scope, receive, send), 10)
        return sent

    sent = async_to_sync(leave_after_the_first_event)()
    assert sent[0]["status"] == 200 and watch._watches == {}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://testserver:8000", True),
        ("https://testserver", True),
        ("http://evil.example", False),
        ("http://testserver.evil.example", False),
        ("http://evil.example:80#testserver", False),
        ("file://testserver", False),
        ("null", False),
        ("http://[broken", False),
    ],
)
def test_only_pages_of_the_same_host_may_read_the_stream(world, origin, allowed):
    response = async_to_sync(get)(world.people.auditor, "/live/home/", Origin=origin)
    assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert response.headers.get("Access-Control-Allow-Credentials") == ("true" if allowed else None)
    assert "Origin" in response["Vary"]


def test_the_deployment_s_fingerprint_follows_counters_monitor_state_and_halts(world):
    deployment = registry.make_deployment(world)
    seen = [deployment_fingerprint(deployment.id)]

    def changed() -> bool:
        seen.append(deployment_fingerprint(deployment.id))
        return seen[-1] not in seen[:-1]

    from audits.runtime.models import DeploymentCounter

    DeploymentCounter.objects.update_or_create(deployment=deployment, defaults={"predictions": 1})
    assert changed()
    MonitorState.objects.update_or_create(deployment=deployment, defaults={"position": 5})
    assert changed()
    halt = Halt.objects.create(deployment=deployment, automatic=True, reason="Gap", position=5)
    assert changed()
    reviewer, _ = make_reviewers(world.people)
    halt.reinstatements.create(
        officer=reviewer, institution=world.people.north, reason="Checked", evidence_digest="ab" * 32
    )
    assert changed()
    Deployment.objects.filter(id=deployment.id).update(state="halted")
    assert changed()


def test_the_home_page_s_fingerprint_follows_the_ledger_and_the_warnings(world):
    from provenance.sequencing import load_frontier, sequence

    before = home_fingerprint()
    sequence(load_frontier())
    after = home_fingerprint()
    assert after != before and home_fingerprint() == after
