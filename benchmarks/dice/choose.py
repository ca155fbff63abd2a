"""How the way of training was chosen: candidates on the choosing fold alone, which is never reported.

Each candidate differs from the first in one thing. The models of the comparison are tuned with the same budget: four
rates of `RATES` for each of them, those around its best (`--rows grid` trains all five).
`python -m benchmarks.dice.choose --out FILE --seeds 3`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.dice import data as sets
from benchmarks.dice.cell import Plan
from benchmarks.dice.plans import SHORT, plans
from benchmarks.dice.study import go_on
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.defaults import default_config
from federation.domain.models.registry import CHANNELS, unet_specs

LOCAL = default_config("segmentation", sets.PX)
RATES = (0.00025, 0.0005, 0.001, 0.002, 0.004)


def _plan(
    local: LocalConfig = LOCAL, channels: Sequence[int] = CHANNELS[:4], *, rounds: int = 40, context: int = 0,
    twin: bool = False, **spec: Any,
) -> Plan:  # fmt: skip
    return Plan(unet_specs(3, channels, **spec)[twin], local, rounds, context=context, curve=False)


CANDIDATES = {
    "first": _plan(),
    "80 rounds": _plan(rounds=80),
    "160 rounds": _plan(rounds=160),
    "misses 0.7": _plan(replace(LOCAL, misses=0.7)),
    "wide": _plan(channels=(24, 48, 72, 96)),
    "neighbours": _plan(context=1),
    "affine": _plan(replace(LOCAL, augment="affine")),
    "hide 0.2": _plan(replace(LOCAL, hide=0.2)),
    "batch 1": _plan(replace(LOCAL, batch_size=1)),
    "batch 4": _plan(replace(LOCAL, batch_size=4)),
    "24 slices": _plan(replace(LOCAL, slices=24)),
    "views 2": _plan(views=2),
    "8 qubits": _plan(qubits=8),
    "as given": _plan(standardise=False),
    "constant": _plan(replace(LOCAL, schedule="constant")),
    "twin 80 rounds": _plan(rounds=80, twin=True),
    "twin 160 rounds": _plan(rounds=160, twin=True),
}
# The models of the comparison, each at each rate: "unet2d at 0.002".
GRID = {
    f"{row} at {rate:g}": replace(plan, local=replace(plan.local, learning_rate=rate), curve=False)
    for rate in RATES
    for row, plan in plans(SHORT).items()
    if plan.where == "federated"
}
CANDIDATES |= GRID


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data", type=Path, default=sets.LGG)
    parser.add_argument("--rows", nargs="*", default=[])
    given = parser.parse_args(arguments)
    named = list(GRID) if given.rows == ["grid"] else given.rows or list(CANDIDATES)
    wanted = [(name, seed, sets.CHOOSING) for seed in range(given.seeds) for name in named]
    how = {"device": given.device, "workers": given.workers, "data": given.data, "plans": CANDIDATES}
    for answer in go_on(given.out, wanted, **how):
        dice = list(answer.get("dice", {}).values())
        told = {key: answer.get(key) for key in ("row", "seed", "seconds")} | {"mean": sum(dice) / max(1, len(dice))}
        print(json.dumps(told), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
