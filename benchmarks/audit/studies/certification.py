"""The certification tier at one real site, order by order: ``python -m benchmarks.audit.studies.certification``.

``SITE CHECK=ORDERS ...`` choose the site of heart and how many of a check's orders are run (without a number: all).
Prints seconds for each check and what it concludes from the orders that were run. What the sites would send is kept in
the file named by ANSWERS, from which a later call concludes without measuring again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from audits.predeployment import policy
from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.registry import check_of
from benchmarks.audit.battery import SETS, benches, concluded, measured, references

SITE = "cleveland"
CHECKS = ("membership_certified", "reconstruction_certified")


def orders(found: dict[str, Bench], site: str, wanted: dict[str, int | None], fixed: dict[str, Any]) -> dict[str, Any]:
    """What the site sends, and seconds, by check: each order is timed by itself."""
    sent: dict[str, Any] = {name: {"answers": [], "seconds": []} for name in wanted}
    for name, shard in policy.plan(fixed):
        if name not in wanted or (wanted[name] is not None and shard >= (wanted[name] or 0)):
            continue
        check, settings = check_of(name), policy.settings_in(fixed, name)
        at = AtSite(name, site, found[site], settings, fixed["seed"], shard, check.shards(settings),
                    fixed["reference_groups"], lambda *_: None)  # fmt: skip
        started = time.perf_counter()
        sent[name]["answers"].append(measured(check, at))
        sent[name]["seconds"].append(round(time.perf_counter() - started, 1))
        sys.stderr.write(f"  · {name}, order {shard + 1}: {sent[name]['seconds'][-1]} s\n")
    return sent


def main() -> None:
    torch.set_num_threads(1)
    site, *chosen = sys.argv[1:] or (SITE,)
    wanted: dict[str, int | None] = {}
    for word in chosen or CHECKS:
        name, _, count = word.partition("=")
        wanted[name] = int(count) if count else None
    found = benches(SETS["heart"])
    config = found[site].config.as_dict()
    content = policy.shipped("limited", threshold=0.1)
    fixed = policy.resolve(
        content, tier=policy.CERTIFICATION, config=config, reference_groups=references({site: found[site]})
    )
    kept = Path(os.environ.get("ANSWERS", os.devnull))
    if kept.is_file():
        sent = json.loads(kept.read_text(encoding="utf-8"))
    else:
        sent = orders(found, site, wanted, fixed)
        kept.write_text(json.dumps(sent), encoding="utf-8")
    for name, one in sent.items():
        result = concluded(name, fixed, {(name, site): one["answers"]}, config)
        seconds = one["seconds"]
        print(f"{name}: {len(seconds)} of {check_of(name).shards(policy.settings_in(fixed, name))} orders, "
              f"{sum(seconds):.0f} s ({min(seconds)} to {max(seconds)}): {result.verdict.value}")  # noqa: T201  # fmt: skip
        for sentence in result.sentences:
            print(f"  {sentence}")  # noqa: T201


if __name__ == "__main__":
    main()
