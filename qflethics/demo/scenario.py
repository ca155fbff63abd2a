"""The life of a model, lived through the API by the people who would live it. Each step is timed and checked.

python -m qflethics.demo.scenario BASE ACCESS.json RESULT.json

What an earlier start has done is found and kept: a step that has its outcome already says so and goes on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qflethics.demo.stage import Figures
from qflethics.demo.story import Scenario


@dataclass
class Step:
    name: str
    ok: bool = False
    seconds: float = 0.0
    figures: Figures = field(default_factory=dict)
    error: str = ""


def live_through(base: str, access: dict[str, Any]) -> list[Step]:
    """Run the steps in order; stop at the first that fails, since the next ones stand on it."""
    scenario = Scenario(base, access)
    steps: list[tuple[str, Callable[[], Figures]]] = [
        ("Sites report their data", scenario.sites_report),
        ("A run is proposed and frozen", scenario.propose),
        ("Two people of each site consent, and approve at the site", scenario.consent),
        ("The sites train", scenario.train),
        ("The run becomes a version", scenario.register),
        ("The version is audited", scenario.audit_version),
        ("The gate refuses what the audit does not allow", scenario.gate),
    ]
    in_use: list[tuple[str, Callable[[], Figures]]] = [
        ("Two officers and an administrator approve", scenario.approve),
        ("The impact assessment is written, and signed by another", scenario.assess),
        ("The version is deployed", scenario.deploy),
        ("Predictions flow", scenario.serve),
        ("Bias appears; the monitor halts; the API refuses", scenario.halt),
        ("The officer sees the halt", scenario.seen_by_officer),
    ]
    last = [("The report is written", scenario.report), ("The ledger is verified and anchored", scenario.verify)]
    done: list[Step] = []
    for name, action in steps:
        done.append(_take(name, action))
        if not done[-1].ok:
            return done
    for name, action in (in_use if scenario.kind else []) + last:
        done.append(_take(name, action))
        if not done[-1].ok:
            return done
    return done


def _take(name: str, action: Callable[[], Figures]) -> Step:
    print(f"  · {name}", flush=True)
    step, started = Step(name), time.monotonic()
    try:
        step.figures = action()
        step.ok = True
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the step failed and the summary says how
        step.error = f"{type(error).__name__}: {error}"
        print(f"      FAILED: {step.error}", flush=True)
    step.seconds = round(time.monotonic() - started, 1)
    print(f"      {step.seconds:.1f} s", flush=True)
    return step


def main() -> int:
    base, access_path, result_path = sys.argv[1:4]
    access = json.loads(Path(access_path).read_text())
    started = time.monotonic()
    steps = live_through(base, access)
    result = {
        "data": access["data"],
        "ok": all(step.ok for step in steps),
        "seconds": round(time.monotonic() - started, 1),
        "at": datetime.now(UTC).isoformat(),
        "steps": [asdict(step) for step in steps],
    }
    Path(result_path).write_text(json.dumps(result, indent=1))
    word = "The model lived its whole life" if result["ok"] else "A step failed"
    print(f"\n  {word} in {result['seconds']:.0f} s; figures in {result_path}")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
