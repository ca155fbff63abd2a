"""The frame of every benchmark: rows as the contract wants them, honest alternation with a peer, a kept copy.

One area is one package with a module `area`, whose `measure` yields rows. Standard output carries one JSON object a
line and nothing else; progress goes to standard error.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RUNS = 5  # a rate or a time is the median of at least so many
QUICK_RUNS = 3


@dataclasses.dataclass(frozen=True)
class Measure:
    """One row of the result.

    `ratio` compares with the peer, and is above 1 where ours is better, whichever direction "better" has.
    """

    metric: str
    value: float | None
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    runs: int = 1
    spread: float | None = None  # (largest - smallest) / median of our runs
    note: str = ""  # conditions, and the target where there is one

    def line(self) -> str:
        """The row as one line of JSON, figures cut to what they can mean."""
        row = dataclasses.asdict(self)
        for key in ("value", "peer_value", "ratio", "spread"):
            row[key] = None if row[key] is None else float(f"{row[key]:.4g}")
        return json.dumps(row)


def alternate(*contestants: Callable[[], float], runs: int, warm: bool = True) -> list[list[float]]:
    """Let contestants run in turn, each `runs` times, and return the figures of each.

    The order of each round is drawn anew (from a fixed seed), so that neither a machine that slows down nor what one
    leaves behind favours another. One round before the first is thrown away (`warm`): caches and plans are filled by
    it.
    """
    figures: list[list[float]] = [[] for _ in contestants]
    order, draw = list(range(len(contestants))), random.Random(0)  # noqa: S311 - not for secrets
    for turn in range(runs + warm):
        draw.shuffle(order)
        for index in order:
            figure = contestants[index]()
            if turn >= warm:
                figures[index].append(figure)
    return figures


def compared(
    metric: str,
    ours: Sequence[float],
    unit: str,
    *,
    better: Literal["higher", "lower"],
    peer: str | None = None,
    theirs: Sequence[float] = (),
    note: str = "",
) -> Measure:
    """The row of a metric from the figures of its runs: medians, their ratio, the spread of ours."""
    value = statistics.median(ours)
    peer_value = statistics.median(theirs) if theirs else None
    ratio = None
    if peer_value and value:
        ratio = value / peer_value if better == "higher" else peer_value / value
    spread = (max(ours) - min(ours)) / value if value and len(ours) > 1 else None
    return Measure(metric, value, unit, peer, peer_value, ratio, len(ours), spread, note)


def progress(text: str) -> None:
    """Tell the person who waits."""
    print(f"  · {text}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was: a figure from a busy machine is a lower bound."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def commit() -> str:
    """The commit under test, with `+` where more than results differs from it; empty outside a repository."""
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def publish(area: str, rows: Iterable[Measure], *, quick: bool, folder: Path = RESULTS) -> Iterator[str]:
    """Yield each row's line as it comes, and keep it in a file with the commit and the machine on the first line."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{area}-{now:%Y%m%dT%H%M%SZ}.jsonl"
    head = {"area": area, "commit": commit(), "at": now.isoformat(timespec="seconds"), "quick": quick}
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps({**head, "machine": machine()}) + "\n")
        for row in rows:
            file.write(row.line() + "\n")
            file.flush()
            yield row.line()
    progress(f"kept in {path}")
