"""What a site may tell of its training while it goes on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from federation.domain.cells import MIN_CELL

if TYPE_CHECKING:
    from federation.domain.learning.local import Progress


class StepLosses:
    """The loss of single steps as it may be told: means over enough patients, each patient in one of an epoch's.

    A step of few patients has nearly one patient's loss, so steps are told together. An epoch's last ones are not told:
    with its mean, which the update tells, those that are left over would be had.

    Parameters
    ----------
    n_patients : int, >= 1
        Of the site, each in one step of an epoch.
    batch_size : int, >= 1
        Patients of a step; the last one of an epoch has what is left.
    """

    def __init__(self, n_patients: int, batch_size: int) -> None:
        self.together = math.ceil(MIN_CELL / batch_size)
        self.full, self.per_epoch = n_patients // batch_size, math.ceil(n_patients / batch_size)
        self._held: list[float] = []
        self._told: float | None = None

    def after(self, step: Progress) -> float | None:
        """The latest mean that may be told; None before there is one, and under differential privacy."""
        if step.loss is None:
            return None
        place = (step.step - 1) % self.per_epoch + 1
        self._held = [step.loss] if place == 1 else [*self._held, step.loss]
        if len(self._held) == self.together and place + self.together <= self.full:
            self._told, self._held = sum(self._held) / self.together, []
        return self._told
