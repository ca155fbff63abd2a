"""Viewers of a process share one subscription; a ring is seen at once, and a broker that is away is done without."""

from __future__ import annotations

import asyncio
import time
import uuid
from types import SimpleNamespace

import pytest
import redis
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audits.runtime.batches import batch_write
from audits.runtime.models import Halt, MonitorState, Outcome
from core import doorbell
from models_registry.models import Deployment
from qflethics.live import bell, watch
from qflethics.live.topics import Topic
from tests.factories import registry
from tests.factories.federation import make_federation
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)
VIEWERS = 50


@pytest.fixture
def deployment():
    return registry.make_deployment(make_federation(make_people()))


@pytest.fixture(autouse=True)
def _nothing_has_failed_yet(monkeypatch):
    monkeypatch.setattr(doorbell, "_silent_until", 0.0)
    monkeypatch.setattr(doorbell, "_rung", {})


def subscriptions() -> int:
    return redis.Redis.from_url(settings.REDIS_URL).pubsub_numsub(doorbell.CHANNEL)[0][1]


async def until(true, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not await sync_to_async(true)():
            await asyncio.sleep(0.01)


def test_fifty_viewers_share_one_subscription_and_one_look_and_leave_nothing_behind(deployment, monkeypatch):
    looks = []
    look = Topic.fingerprint
    monkeypatch.setattr(Topic, "fingerprint", lambda topic: looks.append(1) or look(topic))
    other = Topic("deployment", uuid.uuid4())

    async def view(topic: Topic, seen: asyncio.Queue, go: asyncio.Event) -> None:
        async with watch.watching(topic) as shared:
            first = await shared.changed("")
            await seen.put(first)
            await seen.put(await shared.changed(first))
            await go.wait()

    async def watch_it():
        topic, seen, go = Topic("deployment", deployment.id), asyncio.Queue(), asyncio.Event()
        viewers = [asyncio.create_task(view(topic, seen, go)) for _ in range(VIEWERS)]
        elsewhere = asyncio.create_task(view(other, asyncio.Queue(), go))  # another deployment, the same process
        assert len({await asyncio.wait_for(seen.get(), 5) for _ in range(VIEWERS)}) == 1
        await until(lambda: subscriptions() == 1)
        monkeypatch.setattr(Topic, "seconds", 0.0)  # between two looks
        before = len(looks)
        started = time.monotonic()
        await sync_to_async(MonitorState.objects.create)(deployment=deployment, position=7)
        changed = [await asyncio.wait_for(seen.get(), 5) for _ in range(VIEWERS)]
        assert len(set(changed)) == 1
        told = time.monotonic() - started
        go.set()
        elsewhere.cancel()
        await asyncio.gather(*viewers, elsewhere, return_exceptions=True)
        await until(lambda: subscriptions() == 0)
        return told, len(looks) - before

    told, more = async_to_sync(watch_it)()
    assert told < 4  # long before the look that needs no ring
    assert more <= 2
    assert watch._watches == {} and bell._bells == {}


def one_batch(deployment, position: int = 1) -> None:
    row = Outcome(
        received_at=timezone.now(), deployment_id=deployment.id, position=position, event_key="a",
        batch_id=uuid.uuid4(), batch_index=0, site="north", attributes={}, stratum=0, values={},
    )  # fmt: skip
    batch_write(
        deployment=deployment, kind="outcome", site="north", batch_id=row.batch_id, rows=[row],
        first_position=position,
    )  # fmt: skip


@pytest.mark.parametrize(
    "save",
    [
        one_batch,
        lambda deployment: MonitorState.objects.create(deployment=deployment),
        lambda deployment: Halt.objects.create(deployment=deployment, automatic=True, reason="Gap", position=5),
        lambda deployment: deployment.save(update_fields=["state"]),
    ],
    ids=["batch", "monitor", "halt", "state"],
)
def test_whatever_changes_a_deployment_rings_once_it_is_committed(deployment, save):
    with redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True) as ear:
        ear.subscribe(doorbell.CHANNEL)
        ear.get_message(timeout=1)
        doorbell._rung.clear()  # of what the fixtures saved
        with transaction.atomic():
            save(Deployment.objects.get(id=deployment.id))
            assert ear.get_message(timeout=0.05) is None
        message = ear.get_message(timeout=5) or ear.get_message(timeout=5)
        assert message is not None
        assert message["data"].decode() == f"deployment:{deployment.id}"


def test_of_many_batches_a_second_not_each_rings_and_a_halt_always_does(deployment, monkeypatch):
    heard: list[str] = []
    monkeypatch.setattr(doorbell, "_client", lambda url: SimpleNamespace(publish=lambda _, topic: heard.append(topic)))
    doorbell._rung.clear()
    for position in range(1, 4):
        with transaction.atomic():
            one_batch(deployment, position)
    assert len(heard) == 1
    Halt.objects.create(deployment=deployment, automatic=True, reason="Gap", position=5)
    assert len(heard) == 2


def test_a_broker_that_is_away_costs_the_writer_no_error_and_is_not_asked_again_at_once(deployment, monkeypatch):
    asked = []

    class Away:
        def publish(self, *_):
            asked.append(1)
            raise redis.ConnectionError("away")

    monkeypatch.setattr(doorbell, "_client", lambda url: Away())
    for position in range(3):
        MonitorState.objects.update_or_create(deployment=deployment, defaults={"position": position})
    assert asked == [1]


def test_without_a_broker_the_streams_look_by_themselves(deployment, monkeypatch):
    monkeypatch.setattr(bell, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(Topic, "seconds", 0.05)

    async def watch_it():
        async with watch.watching(Topic("deployment", deployment.id)) as shared:
            first = await asyncio.wait_for(shared.changed(""), 5)
            assert not shared._bell.connected
            await sync_to_async(MonitorState.objects.create)(deployment=deployment, position=7)
            return first, await asyncio.wait_for(shared.changed(first), 5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "REDIS_URL", "unix:///nowhere/redis.sock")
        first, second = async_to_sync(watch_it)()
    assert first != second
