"""Which losses of steps are told: never of fewer than five patients, nor what is left over of an epoch."""

from __future__ import annotations

import math

import pytest

from federation.domain.learning.local import Progress
from federation.domain.learning.release import StepLosses


def told(n_patients: int, batch_size: int, epochs: int = 1, loss=float) -> list[float | None]:
    per_epoch = math.ceil(n_patients / batch_size)
    losses, steps = StepLosses(n_patients, batch_size), epochs * per_epoch
    return [losses.after(Progress(1, step, steps, loss(step), 0.0)) for step in range(1, steps + 1)]


def test_steps_of_enough_patients_are_told_but_the_last_of_an_epoch():
    assert told(18, 5) == [1, 2, 2, 2]  # the third step and the last, of three patients, stay
    assert told(18, 5, epochs=2) == [1, 2, 2, 2, 5, 6, 6, 6]


def test_steps_of_few_patients_are_told_together():
    assert told(13, 2) == [None, None, 2, 2, 2, 2, 2]  # three steps are six patients; the other seven stay together
    assert told(24, 2) == [None, None, 2, 2, 2, 5, 5, 5, 8, 8, 8, 8]
    assert told(12, 1) == [None] * 4 + [3.0] * 8


@pytest.mark.parametrize(("n_patients", "batch_size"), [(4, 8), (4, 1), (9, 8), (9, 1), (8, 2), (1, 1)])
def test_a_site_too_small_to_leave_enough_tells_none(n_patients, batch_size):
    assert set(told(n_patients, batch_size)) == {None}


def test_what_was_told_and_the_epochs_mean_never_leave_fewer_than_five():
    for n_patients in range(1, 60):
        for batch_size in range(1, 20):
            seen = [value for value in dict.fromkeys(told(n_patients, batch_size)) if value is not None]
            together = math.ceil(5 / batch_size)
            assert batch_size * together >= 5
            left = n_patients - len(seen) * batch_size * together
            assert left >= 5 or not seen


def test_under_differential_privacy_there_is_none():
    assert set(told(40, 5, loss=lambda step: None)) == {None}
