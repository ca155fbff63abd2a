"""What is compared: each row trains with the same budget on the same patients."""

from __future__ import annotations

from benchmarks.dice.cell import Plan
from benchmarks.dice.data import SLAB
from federation.domain.learning.config import LocalConfig
from federation.domain.models.registry import CHANNELS, unet_specs

ROUNDS = 40
LOCAL = LocalConfig(epochs=1, batch_size=2, learning_rate=0.001, schedule="cosine", augment="full", slices=16)
CONTEXT = 0
HYBRID, TWIN = unet_specs(3, CHANNELS[:4], standardise=True)
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
