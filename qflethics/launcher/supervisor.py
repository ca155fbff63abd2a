"""Keeps the platform's processes running: restarts what dies, stops all in order, leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from qflethics.launcher.state import die_with_parent


@dataclass
class Program:
    """One process to keep running."""

    name: str
    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()  # variables that this process must not see
    stop_seconds: float = 10
    process: subprocess.Popen | None = None
    restarts: int = 0
    next_start: float = 0.0


class Supervisor:
    """Start programs in order, watch them, stop them in reverse order."""

    def __init__(self, *, logs: Path, environment: dict[str, str], revive: Callable[[], None] | None = None) -> None:
        self.logs, self.environment, self._revive = logs, environment, revive
        self.programs: list[Program] = []
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        logs.mkdir(parents=True, exist_ok=True)

    def add(self, program: Program) -> None:
        self.programs.append(program)
        self._spawn(program)

    def watch(self) -> None:
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def find(self, name: str) -> Program:
        return next(program for program in self.programs if program.name == name)

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to whoever has not gone in time."""
        self._stop.set()
        if self._watcher:
            self._watcher.join()
        for program in reversed(self.programs):
            _signal(program, signal.SIGTERM)
        for program in reversed(self.programs):
            if program.process is None:
                continue
            try:
                program.process.wait(timeout=program.stop_seconds)
            except subprocess.TimeoutExpired:
                _signal(program, signal.SIGKILL)
                program.process.wait()
        self.programs.clear()

    def _spawn(self, program: Program) -> None:
        environment = {**self.environment, "QFL_PROCESS": program.name, **program.environment}
        for name in program.without:
            environment.pop(name, None)
        # PDEATHSIG is tied to the spawning thread; the watcher ends only in stop(), so both threads may spawn.
        with (self.logs / f"{program.name}.log").open("ab") as log:
            # A session of its own: the terminal's Ctrl-C reaches the launcher only, which then stops all in order.
            program.process = subprocess.Popen(
                program.argv, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        (self.logs / f"{program.name}.pid").write_text(str(program.process.pid))

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            if self._revive is not None:
                self._revive()
            for program in self.programs:
                if program.process is None or program.process.poll() is None:
                    continue
                now = time.monotonic()
                if not program.next_start:
                    # A web server that was killed leaves workers behind, which would go on serving.
                    _signal_group(program.process.pid, signal.SIGKILL)
                    program.restarts += 1
                    program.next_start = now + min(10.0, 0.5 * 2 ** min(program.restarts, 5))
                elif now >= program.next_start:
                    program.next_start = 0.0
                    self._spawn(program)


def _signal(program: Program, number: signal.Signals) -> None:
    if program.process is not None and program.process.poll() is None:
        _signal_group(program.process.pid, number)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
