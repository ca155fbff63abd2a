"""What code touches the patients, named so that both ends can compute it: no tag that somebody could move."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

PARTS = ("domain", "site")  # what a site's worker runs in a round of training


@cache
def code_version() -> str:
    """SHA-256, in hex, over the names and bytes of the sources in `PARTS`, in the order of their names.

    The same wherever the same sources are installed, with or without a version control system.
    """
    package = Path(__file__).parent.parent
    found = hashlib.sha256()
    for source in sorted(path for part in PARTS for path in (package / part).rglob("*.py")):
        name, data = source.relative_to(package).as_posix().encode(), source.read_bytes()
        found.update(len(name).to_bytes(4, "big") + name + len(data).to_bytes(8, "big") + data)
    return found.hexdigest()
