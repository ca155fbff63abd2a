"""The live process as it is run: uvicorn, sync middleware and all. Events arrive one by one, not at the end."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from federation.models import RunEvent
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "qflethics.asgi:application", "--host=127.0.0.1", f"--port={free}",
         "--log-level=warning", "--timeout-graceful-shutdown=2"],
        env={**os.environ, "QFL_ROOT_URLCONF": "qflethics.live.urls", "QFL_PROCESS": "live-test"},
    )  # fmt: skip
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", free)) == 0:
                    break
            assert server.poll() is None, "uvicorn did not start"
            time.sleep(0.1)
        yield free
    finally:
        server.terminate()
        server.wait(timeout=10)


def connections_of_the_live_process() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'live-test'")
        return cursor.fetchone()[0]


def event(response: http.client.HTTPResponse) -> dict[str, str]:
    """The next event or comment, as its fields."""
    lines: list[str] = []
    while (line := response.readline().decode().rstrip("\n")) or not lines:
        if line:
            lines.append(line)
    return dict(line.split(": ", 1) for line in lines if not line.startswith(":"))


def test_events_stream_while_the_connection_to_the_database_is_given_back(port):
    world = make_federation(make_people())
    run = make_run(world)
    client = Client()
    client.force_login(world.people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    origin = "http://127.0.0.1:8000"
    stream.request("GET", f"/live/run/{run.id}/", headers={"Cookie": cookie, "Origin": origin})
    response = stream.getresponse()
    assert response.status == 200 and response.getheader("Access-Control-Allow-Origin") == origin
    assert event(response) == {"retry": "1000"}
    first = event(response)
    assert (first["event"], first["data"]) == ("changed", "run")

    started = time.monotonic()
    RunEvent.objects.create(run=run, kind="round", text="Round 1 started")
    second = event(response)
    assert second["event"] == "changed" and second["id"] != first["id"]
    assert time.monotonic() - started < 5

    held = []
    for _ in range(20):
        held.append(connections_of_the_live_process())
        time.sleep(0.05)
    assert min(held) == 0  # between two looks none is held
    stream.close()

    refused = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    refused.request("GET", f"/live/run/{run.id}/")
    assert refused.getresponse().status == 403
    refused.close()
