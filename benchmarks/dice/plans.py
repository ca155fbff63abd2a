"""What is compared: each row trains with the same budget on the same patients."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.dice.cell import Plan
from benchmarks.dice.data import PX, SLAB
from federation.domain.learning.defaults import default_config
from federation.domain.models.registry import default_specs

# Rounds of a comparison, whose rows all have the same. The longer was chosen on fold 0; the shorter takes a quarter of
# the time, so that ten paired seeds of it fit this machine (docs/design/quantum-models.md).
SHORT, LONG = BUDGETS = (40, 160)
LOCAL = default_config("segmentation", PX)
# Each model's best rate of four (`choose.RATES`) on fold 0, in the shorter comparison; the longer one has LOCAL's.
RATE, VOLUME_RATE = 0.0005, 0.002
CONTEXT = 0
HYBRID, TWIN = default_specs("segmentation", 3, PX)
BARE = {**HYBRID, "entangling": False}
VOLUME = {"kind": "unet3d", "inputs": 3, "channels": [12, 24, 40, 64], "standardise": HYBRID["standardise"]}


def plans(rounds: int) -> dict[str, Plan]:
    """The rows of the comparison in which each has so many rounds."""
    local, volume = LOCAL, LOCAL
    if rounds == SHORT:
        local, volume = replace(LOCAL, learning_rate=RATE), replace(LOCAL, learning_rate=VOLUME_RATE)
    return {
        "hybrid_unet": Plan(HYBRID, local, rounds, context=CONTEXT),
        "unet2d": Plan(TWIN, local, rounds, context=CONTEXT),
        "no_entanglement": Plan(BARE, local, rounds, context=CONTEXT),
        "unet3d": Plan(VOLUME, volume, rounds, slab=SLAB),
        "centralised": Plan(HYBRID, local, rounds, context=CONTEXT, where="central"),
        "local": Plan(HYBRID, local, rounds, context=CONTEXT, where="alone", curve=False),
    }


ROWS = tuple(plans(SHORT))
