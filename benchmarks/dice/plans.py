"""What is compared: each row trains with the same budget on the same patients."""

from __future__ import annotations

from benchmarks.dice.cell import Plan
from benchmarks.dice.data import PX, SLAB
from federation.domain.learning.defaults import default_config
from federation.domain.models.registry import default_specs

ROUNDS = 160  # 40 left training Dice still rising; chosen on fold 0 (docs/design/quantum-models.md)
LOCAL = default_config("segmentation", PX)
CONTEXT = 0
HYBRID, TWIN = default_specs("segmentation", 3, PX)
BARE = {**HYBRID, "entangling": False}
VOLUME = {"kind": "unet3d", "inputs": 3, "channels": [12, 24, 40, 64], "standardise": HYBRID["standardise"]}

PLANS = {
    "hybrid_unet": Plan(HYBRID, LOCAL, ROUNDS, context=CONTEXT),
    "unet2d": Plan(TWIN, LOCAL, ROUNDS, context=CONTEXT),
    "no_entanglement": Plan(BARE, LOCAL, ROUNDS, context=CONTEXT),
    "unet3d": Plan(VOLUME, LOCAL, ROUNDS, slab=SLAB),
    "centralised": Plan(HYBRID, LOCAL, ROUNDS, context=CONTEXT, where="central"),
    "local": Plan(HYBRID, LOCAL, ROUNDS, context=CONTEXT, where="alone", curve=False),
}
