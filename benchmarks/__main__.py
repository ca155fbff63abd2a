"""`python -m benchmarks NAME`: what `make bench NAME=...` runs. QUICK=1 gives a shorter run with the same metrics."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from benchmarks import frame


def areas() -> list[str]:
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/area.py"))


def main(arguments: list[str]) -> int:
    """Measure one area. Words after its name choose some of its metrics (`ledger proof` runs what contains `proof`)."""
    if not arguments or arguments[0] not in areas():
        print(f"Expected the name of an area, one of {', '.join(areas())}: make bench NAME=ledger", file=sys.stderr)
        return 2
    name, *only = arguments
    quick = os.environ.get("QUICK", "") not in {"", "0"}
    area = importlib.import_module(f"benchmarks.{name}.area")
    for line in frame.publish(name, area.measure(quick=quick, only=only), quick=quick):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
