"""Whether patients can be reconstructed from what a site sends: from a step on one of them, and from a real round.

A *step* is the worst case: the bare gradient of a single patient. A *round* is what the aggregator gets: the weights
after all local steps on all patients of the site, by the run's own configuration. Both attacks of `inversion` are
tried, and on images that of `tail`; a patient is reconstructed if anything they find is more like him than `tau` (see
`similarity`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from audits.domain.attacks.inversion import (
    Gradients,
    Search,
    analytic,
    cosine_alone,
    cosine_together,
    patient_steps,
    protected,
    round_update,
)
from audits.domain.attacks.similarity import Records, similarity
from audits.domain.attacks.tail import through_the_tail
from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.models.base import Model
from federation.domain.privacy.stream import KeyedStream

Told = Callable[[int], None]
Found = dict[str, NDArray[np.bool_]]  # by attack, whether each patient was reconstructed, shape (n,)
ATTACKS = ("analytic", "cosine", "tail")


@dataclass(frozen=True)
class Effort:
    """How hard the attacker tries.

    Attributes
    ----------
    search : Search
        Of the cosine attack.
    dummies : int, >= 1
        Inputs that it searches together to explain a round.
    hops : int, >= 0
        Searches of an image through the layers nearest the loss, after the first; 0: this attack is not made.
    """

    search: Search
    dummies: int
    hops: int = 0


def from_steps(
    model: Model, data: SiteData, *, tau: float, effort: Effort, rng: np.random.Generator,
    dp: DPConfig | None = None, public: Records | None = None, told: Told = lambda step: None,
    told_hops: Told = lambda done: None,
) -> Found:  # fmt: skip
    """Attack each patient's own gradient.

    Parameters
    ----------
    data : SiteData
        One row a patient (`similarity.attack_view`).
    dp : DPConfig or None
        Clip and noise each gradient as training does; None leaves it bare.
    public : ndarray or None
        Images of other people, from which `tail` starts; without them it is not tried.
    told, told_hops : callable
        Called with the steps done by the cosine attack, and with the searches done by `tail`.
    """
    seen = patient_steps(model, data)
    if dp is not None:
        seen = protected(seen, dp, KeyedStream(_key(rng)))
    candidates = {"cosine": cosine_alone(model, seen, data.y, data.x.shape[1:], effort.search, rng, told)}
    if (divided := analytic(model, seen, data.x.shape[1:])) is not None:
        candidates["analytic"] = divided.swapaxes(0, 1)
    if public is not None and data.n_patients and (hops := _hops(model, effort, public)):
        candidates["tail"] = through_the_tail(model, seen, data.y, public, hops=hops, rng=rng, told=told_hops)
    found = {}
    for name, guesses in candidates.items():  # (guesses, patients, ...)
        best = [similarity(guesses[:, i], data.x[i : i + 1]).max() for i in range(data.n_patients)]
        found[name] = np.array(best) > tau
    return found


@dataclass(frozen=True)
class RoundAttack:
    """What an attacker got out of one round's update."""

    guesses: Mapping[str, NDArray[np.float64]]  # by attack, shape (k, ...)
    moved: bool  # whether the update changed the weights at all

    def found(self, data: SiteData, tau: float) -> Found:
        """Which patients of `data` (one row each) are among the guesses."""
        return {name: similarity(data.x, rows).max(axis=1) > tau for name, rows in self.guesses.items()}


def from_round(
    model: Model, cohort: SiteData, local: LocalConfig, *, effort: Effort, rng: np.random.Generator,
    public: Records | None = None, told: Told = lambda step: None, told_hops: Told = lambda done: None,
) -> RoundAttack:  # fmt: skip
    """Attack the update of one round over `cohort`, one row a patient.

    Parameters
    ----------
    model : Model
        With the weights before the round; left as it was.
    public, told, told_hops
        As in `from_steps`; `tail` takes the round for a step on one of the patients whose outlines are searched.
    """
    before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    seen: Gradients = round_update(model, cohort, local, seed=_key(rng))
    model.load_state_dict(before)
    chosen = np.sort(rng.permutation(cohort.n_patients)[: effort.dummies])
    shape = cohort.x.shape[1:]
    searched = cosine_together(model, seen, cohort.y[chosen], shape, effort.search, rng, told)
    guesses = {"cosine": searched.reshape(-1, *shape)}
    if (divided := analytic(model, seen, shape)) is not None:
        guesses["analytic"] = divided[0]
    if public is not None and (hops := _hops(model, effort, public)):
        alone = {name: value.expand(len(chosen), *value.shape[1:]) for name, value in seen.items()}
        searched = through_the_tail(model, alone, cohort.y[chosen], public, hops=hops, rng=rng, told=told_hops)
        guesses["tail"] = searched[0]
    return RoundAttack(guesses, any(bool(torch.any(value != 0)) for value in seen.values()))


def merged(found: list[Found], n: int) -> Found:
    """A patient is reconstructed if any try succeeded; "any" joins the attacks."""
    out = {name: np.zeros(n, dtype=bool) for name in ATTACKS}
    for one in found:
        for name, rows in one.items():
            out[name] = out[name] | rows
    return {**out, "any": np.logical_or.reduce(list(out.values()))}


def _hops(model: Model, effort: Effort, public: Records) -> int:
    """How often the tail is searched: images alone, where there are public ones enough to start from."""
    return effort.hops if model.task == "segmentation" and len(public) > 1 else 0


def _key(rng: np.random.Generator) -> int:
    return int.from_bytes(rng.bytes(32), "big")
