"""What the launcher keeps running, and what it leaves behind: nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from qflethics.launcher.supervisor import Program, Supervisor


def test_what_a_dead_program_started_is_ended_before_its_next_start(tmp_path: Path):
    children = tmp_path / "children"
    supervisor = Supervisor(logs=tmp_path, environment=dict(os.environ), revive=lambda: None)
    supervisor.add(Program("web", ["sh", "-c", f"sleep 60 & echo $! >> {children}; kill -9 $$"]))
    supervisor.watch()
    try:
        _wait(lambda: children.exists() and len(children.read_text().split()) >= 2)
        _wait(lambda: not _alive(int(children.read_text().split()[0])))
    finally:
        supervisor.stop()


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def _wait(done: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
