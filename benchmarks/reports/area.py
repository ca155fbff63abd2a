"""Area `report`: a report of ten thousand decisions and ten million predictions, each run in a process of its own.

Everything is measured that the job does: gathering, verifying the ledger, replaying it, drawing, typesetting, writing
every rendition and signing them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from benchmarks.frame import ROOT, Measure, compared, machine, progress
from benchmarks.platform import durability, private_platform

PREDICTIONS, QUICK_PREDICTIONS = 10_000_000, 200_000
REQUESTS, QUICK_REQUESTS = 3_334, 200  # three decisions each
RUNS, QUICK_RUNS = 5, 2


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Fill a platform of our own, then make the report as often as runs are wanted."""
    predictions, requests, runs = (
        (QUICK_PREDICTIONS, QUICK_REQUESTS, QUICK_RUNS) if quick else (PREDICTIONS, REQUESTS, RUNS)
    )
    with private_platform("qflethics.settings.dev"):
        from benchmarks.reports import filling  # needs Django

        filled = filling.fill(predictions=predictions, requests=requests)
        told = [_run(number) for number in range(runs)]
        note = (
            f"{filled.decisions} decisions, {filled.predictions} predictions in batches of {filling.BATCH}, "
            f"{filled.entries} ledger entries; {told[-1]['parts']}; load {machine()['load'][0]}; {durability()}"
        )
        yield compared(
            "report.seconds", [run["seconds"] for run in told], "s", better="lower", note=f"target <= 60; {note}"
        )
        yield compared(
            "report.rss_gib", [run["rss_gib"] for run in told], "GiB", better="lower",
            note="target <= 1; the most that the process held, imports included",
        )  # fmt: skip


def _run(number: int) -> dict:
    progress(f"report: run {number + 1}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reports.rendering"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    found: dict = json.loads(done.stdout)
    progress(f"{found}")
    return found
