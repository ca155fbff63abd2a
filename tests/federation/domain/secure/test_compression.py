from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.secure.compression import CompressionError, ErrorFeedback, common_indices


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), st.sampled_from([1.0, 0.5, 0.25, 0.2, 0.125, 0.3]), st.integers(0, 3))
def test_every_coordinate_has_its_turn_once_a_cycle(size, keep, cycle):
    turns = int(np.ceil(1 / keep - 1e-9))
    first = cycle * turns + 1
    drawn = [common_indices(seed="s", round_number=first + t, size=size, keep=keep) for t in range(turns)]
    assert sorted(np.concatenate(drawn).tolist()) == list(range(size))
    assert all(len(d) <= keep * size + 1 for d in drawn)


def test_indices_depend_on_seed_and_cycle_and_are_the_same_on_every_machine():
    drawn = common_indices(seed="s", round_number=1, size=12, keep=0.25)
    assert drawn.tolist() == PINNED
    assert drawn.tolist() != common_indices(seed="t", round_number=1, size=12, keep=0.25).tolist()
    assert drawn.tolist() != common_indices(seed="s", round_number=5, size=12, keep=0.25).tolist()


PINNED = [0, 6, 8]


def test_error_feedback_by_hand():
    feedback = ErrorFeedback(np.zeros(3, dtype=np.float32))
    one, two = np.array([0, 1]), np.array([2])
    assert feedback.offer(np.array([1.25, 2, 3]), one, np.floor).tolist() == [1.25, 2]
    feedback.settle()
    assert feedback.owed.tolist() == [0.25, 0, 3]
    assert feedback.offer(np.array([0, 0, 4]), two, np.floor).tolist() == [7]
    assert feedback.owed.tolist() == [0.25, 0, 3]  # not counted: nothing has happened
    feedback.settle()
    assert feedback.owed.tolist() == [0.25, 0, 0]


def test_over_a_cycle_all_of_a_constant_update_arrives():
    size, update = 40, np.linspace(-1, 1, 40, dtype=np.float32)
    feedback, arrived = ErrorFeedback(np.zeros(size, dtype=np.float32)), np.zeros(size)
    for number in range(1, 9):
        chosen = common_indices(seed="s", round_number=number, size=size, keep=0.25)
        arrived[chosen] += feedback.offer(update, chosen, lambda v: v)
        feedback.settle()
    assert np.abs(arrived + feedback.owed - 8 * update).max() < 1e-5


@pytest.mark.parametrize(("keep", "number"), [(0, 1), (1.5, 1), (0.5, 0)])
def test_a_share_or_round_that_cannot_be_is_refused(keep, number):
    with pytest.raises(CompressionError):
        common_indices(seed="s", round_number=number, size=3, keep=keep)
