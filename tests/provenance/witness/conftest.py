"""Witnesses in folders of their own, in this process and as programs of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from provenance.domain.witness import Answer
from provenance.witness.server import WitnessServer
from provenance.witness.state import WitnessHome
from tests.factories.forked_log import VKEYS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def witness(tmp_path) -> WitnessHome:
    """A witness that trusts the log of `forked_log`."""
    home = WitnessHome.create(tmp_path / "witness", name="hospital.example/w")
    home.trust(VKEYS)
    return home


class Client:
    """A log that asks over one kept connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = HTTPConnection("127.0.0.1", port, timeout=10)

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        self.connection.request(method, path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        return Answer(response.status, response.read(), response.headers.get("Content-Type", ""))

    def add(self, data: bytes) -> Answer:
        return self.send("POST", "/add-checkpoint", data)


@pytest.fixture
def serve() -> Iterator[Callable[[WitnessHome], Client]]:
    """Serve a witness in this process, on a free port."""
    running: list[WitnessServer] = []

    def start(home: WitnessHome) -> Client:
        server = WitnessServer(("127.0.0.1", 0), home)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        running.append(server)
        return Client(server.server_address[1])

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


class Program:
    """`python -m provenance.witness` with nothing of the platform in its environment."""

    def __init__(self, folder: Path, *arguments: str, prelude: str = "") -> None:
        self.folder = folder
        command = [sys.executable, "-m", "provenance.witness"]
        if prelude:  # a fault, put in from outside
            command = [
                sys.executable,
                "-c",
                f"{prelude}\nimport runpy; runpy.run_module('provenance.witness', run_name='__main__')",
            ]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        logs = [argument for vkey in VKEYS for argument in ("--log", vkey)]
        self.process = subprocess.Popen(
            [*command, "--state", str(folder), "--name", "hospital.example/w", *logs, "--listen",
             f"127.0.0.1:{self.port}", *arguments],
            cwd=ROOT, env={"PATH": os.environ["PATH"], "LOG_LEVEL": "ERROR"}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def client(self) -> Client:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return Client(self.port)
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        raise AssertionError(f"the witness did not start: {self.process.communicate(timeout=5)}")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def program(tmp_path) -> Iterator[Callable[..., Program]]:
    """Start the witness as a program; the folder outlives it."""
    started: list[Program] = []

    def start(*arguments: str, prelude: str = "") -> Program:
        started.append(Program(tmp_path / "program", *arguments, prelude=prelude))
        return started[-1]

    yield start
    for running in started:
        running.end()
