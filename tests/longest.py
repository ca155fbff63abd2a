"""The files that take longest, and so are begun first, that no worker is left alone with one at the end of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# With the seconds they took alone on one core. Add a file that takes more than ten; `--durations=0` tells.
SECONDS: dict[str, int] = {}


def longest_first(item: pytest.Item) -> int:
    """Sort key; files that are not named keep their order."""
    return -SECONDS.get(item.nodeid.split("::")[0], 0)
