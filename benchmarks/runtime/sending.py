"""Senders in processes of their own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.frame import ROOT
from benchmarks.runtime.serving import Platform


@dataclass(frozen=True)
class Sent:
    """What a sender saw."""

    events: int
    seconds: float
    ms: list[float]  # of each request

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    def percentile(self, share: int) -> float:
        return statistics.quantiles(self.ms, n=100, method="inclusive")[share - 1]


class Sender:
    """A prepared sender; `go` lets it begin, `done` waits for it."""

    def __init__(
        self, platform: Platform, *, connections: int, requests: int, size: int, seconds: float, rate: int = 0
    ) -> None:
        self.size = size
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.runtime.load", "--port", str(platform.port), "--path",
             platform.path("events"), "--connections", str(connections), "--requests", str(requests), "--size",
             str(size), "--seconds", str(seconds), "--rate", str(rate)],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._tell(platform.secret)
        self._read()

    def go(self) -> None:
        self._tell("go")

    def done(self) -> Sent:
        """What was sent; every request must have been accepted."""
        told = json.loads(self._read())
        self.process.wait(timeout=30)
        if set(told["statuses"]) != {"200"}:
            raise RuntimeError(f"expected every batch to be accepted, got the statuses {told['statuses']}")
        return Sent(len(told["ms"]) * self.size, told["seconds"], told["ms"])

    def _tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def _read(self) -> str:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise RuntimeError("the sender stopped")
        return line


@contextmanager
def in_background(
    platform: Platform, *, size: int, requests: int, connections: int, seconds: float, rate: int = 0
) -> Iterator[Sender]:
    """A sender at work while something else is measured; rate 0 is as fast as it goes."""
    sender = Sender(platform, connections=connections, requests=requests, size=size, seconds=seconds, rate=rate)
    sender.go()
    try:
        yield sender
    finally:
        sender.process.kill()
        sender.process.wait()
