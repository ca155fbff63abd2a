"""Power of the search of images through the last layers: phantoms of 16 px, one patient's step, by model and noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from audits.domain.attacks.inversion import Search
from audits.domain.attacks.reconstruction import Effort, from_steps
from audits.domain.attacks.similarity import attack_view, yardstick
from benchmarks.audit.power import share
from benchmarks.frame import Measure, progress
from federation.domain.data.phantom import generate
from federation.domain.learning.config import DPConfig
from federation.domain.learning.defaults import default_config
from federation.domain.learning.local import train_local
from federation.domain.models.registry import build, default_specs

PATIENTS, PRIVATE, HOPS = 6, 300, 12
CASES = (
    ("twin", 0, 0.0),
    ("circuit", 0, 0.0),
    ("twin", 3, 0.0),
    ("twin", 0, 0.001),
    ("twin", 0, 0.01),
    ("twin", 0, 1.0),
)


def measure(*, quick: bool) -> Iterator[Measure]:
    """A row for each model, number of rounds it was trained for, and noise multiplier."""
    torch.set_num_threads(1)
    whole = generate("phantom-1", count=PRIVATE + 60, px=32)
    view = attack_view(whole, 16)
    tau, public = yardstick(view.x[:PRIVATE], view.x[PRIVATE:]).tau, view.x[PRIVATE:]
    data = view.take(np.arange(1 if quick else PATIENTS))
    specs = dict(zip(("circuit", "twin"), default_specs("segmentation", 1), strict=True))
    for kind, rounds, noise in CASES:
        progress(f"audit: images, {kind}, {rounds} rounds, noise {noise:g}")
        model = build(specs[kind], seed=3)
        for number in range(rounds):
            train_local(model, whole.take(np.arange(PRIVATE // 2)), default_config("segmentation"), seed=number)
        dp = DPConfig(noise_multiplier=noise, max_grad_norm=0.5, delta=1e-4) if noise else None
        effort = Effort(Search(1, 1), dummies=1, hops=1 if quick else HOPS)
        found = from_steps(model.eval(), data, tau=tau, effort=effort, rng=np.random.default_rng(27), dp=dp,
                           public=public)  # fmt: skip
        weights = f"trained for {rounds} rounds" if rounds else "first weights"
        said = f"clipped at 0.5, noise multiplier {noise:g}" if noise else "bare"
        note = f"images found through the last layers, SSIM over {tau:.3f}; {kind} U-Net, {weights}, {said}"
        yield share("audit.power.images", int(found["tail"].sum()), data.n_patients, note)
