import json

import numpy as np
import pytest

from audits.domain.monitor import histograms
from audits.domain.monitor.histograms import CELLS, cells_of, counts_of, grouped, shareable
from audits.domain.monitor.input_drift import BLOCK, WHOLE, InputState, fold_block, found

INPUTS, ALPHA = 4, 0.05


def counted(values) -> np.ndarray:
    return counts_of(cells_of(np.asarray(values)))


def watched(seed: int, *, blocks: int, change: int = 0, shift: float = 0.0, reference=None) -> InputState:
    """Blocks of cases whose first input rises by `shift` from block `change` on."""
    rng, state = np.random.default_rng(seed), InputState.begin(INPUTS, reference)
    for block in range(blocks):
        values = rng.beta(2, 5, (BLOCK, INPUTS))
        values[:, 0] += shift * (block >= change)
        state = fold_block(state, counted(values), key=str(seed), limit=INPUTS / ALPHA)
    return state


@pytest.mark.parametrize(
    ("value", "cell"),
    [(-7.0, 0), (-0.01, 0), (0.0, 1), (0.049, 1), (0.051, 2), (0.99, 20), (1.0, 20), (1.001, 21), (1e300, 21)],
)
def test_each_value_has_its_cell(value, cell):
    assert cells_of(np.array([value]))[0] == cell


def test_cases_are_counted_input_by_input():
    counts = counted([[0.02, 2.0], [0.03, 0.5], [0.5, 0.5]])
    assert counts.shape == (2, CELLS)
    assert (counts[0, 1], counts[0, 11], counts[1, 21], counts[1, 11]) == (2, 1, 1, 2)


SHARED = [
    ([1, 0, 5, 0], [0, 0, 6, 0]),  # one patient joins the nearest cell
    ([2, 9, 1, 9, 2], [0, 12, 0, 11, 0]),  # the fewest first
    ([1, 1, 1, 0, 9], [3, 0, 0, 0, 9]),  # together they are enough: 1 goes to 1, and both to the third
    ([1, 0, 1, 0], [0, 0, 0, 0]),  # too few in all
    ([3, 4, 5, 0], [3, 4, 5, 0]),
]


@pytest.mark.parametrize(("counts", "told"), SHARED)
def test_no_cell_that_is_told_holds_fewer_than_three_patients(counts, told):
    found = shareable(np.array(counts), 3)
    assert sorted(found.tolist()) == sorted(told) and not any(0 < n < 3 for n in found)
    if sum(counts) >= 3:
        assert found.sum() == sum(counts)


def test_cells_are_compared_in_groups_that_hold_a_tenth_of_the_reference():
    assert grouped(np.array([5, 5, 0, 80, 2, 8]), np.array([1, 2, 3, 4, 5, 6])) == ([10, 80, 10], [3, 7, 11])
    assert grouped(np.array([50, 48, 2]), np.array([1, 2, 3])) == ([50, 50], [1, 5])
    assert grouped(np.array([0, 0, 50, 0]), np.array([5, 1, 2, 3])) == ([0, 50, 0], [6, 2, 3])


def test_the_stability_index_by_hand():
    assert histograms.stability_index([10, 10], [10, 10]) == 0
    # shares 0.75 and 0.25 against 0.25 and 0.75, after half a case each: (14.5 + 0.5) / 20 and so on
    assert histograms.stability_index([14.5, 4.5], [4.5, 14.5]) == pytest.approx(2 * 0.5 * np.log(3))


def test_inputs_that_do_not_change_hardly_ever_alarm():
    """100 sites of four inputs, 20 blocks each: expected at most alpha of them, whatever the input."""
    alarms = sum(any(at is not None for at in watched(seed, blocks=20).alarm_at) for seed in range(100))
    assert alarms <= 12  # alpha 5 of 100; P(more than 12) < 0.1 %


def test_a_change_of_one_input_is_found_and_the_others_are_left_in_peace():
    state = watched(1, blocks=20, change=10, shift=0.1)
    first, *others = found(state, "abcd")
    assert 10 * BLOCK < first.alarm_at <= 16 * BLOCK
    assert first.large and first.index > 0.5 and first.warns
    assert not any(one.warns for one in others)


def test_order_within_a_block_and_its_length_do_not_matter_to_the_sums():
    rng = np.random.default_rng(3)
    values = rng.beta(2, 5, (600, INPUTS))
    counts = counted(values)
    assert (counts == counted(values[::-1])).all()
    state = fold_block(InputState.begin(INPUTS), counts, key="a", limit=80.0)
    assert state.n == 600 and (state.evidence == 1).all()  # nothing to compare the first block with
    assert (state.reference == counts).all()  # the first cases, where no audit told


def test_an_audited_reference_shows_what_differs_from_training_from_the_first_block_on():
    rng = np.random.default_rng(5)
    trained = counted(rng.beta(2, 5, (60, INPUTS)))
    same = watched(6, blocks=WHOLE // BLOCK, reference=trained)
    moved = watched(6, blocks=WHOLE // BLOCK, shift=0.3, reference=trained)
    assert not any(one.large for one in found(same, "abcd"))  # a small reference is no drift
    assert [one.large for one in found(moved, "abcd")] == [True, False, False, False]
    assert all(one.alarm_at is None for one in found(moved, "abcd"))  # it has not changed since it began


def test_a_block_is_due_at_a_hundred_cases_and_then_at_a_hundredth_of_them():
    state = InputState.begin(1)
    assert state.due == BLOCK
    many = fold_block(state, np.full((1, CELLS), 10_000), key="a", limit=20.0)
    assert many.due == 2_200


def test_the_state_comes_back_from_its_json_as_it_was():
    state = watched(2, blocks=7, change=3, shift=0.2)
    raw = json.dumps(state.as_dict())
    again = InputState.from_dict(json.loads(raw))
    assert json.dumps(again.as_dict()) == raw
    block = counted(np.full((BLOCK, INPUTS), 0.5))
    one, other = (fold_block(s, block, key="k", limit=80.0) for s in (state, again))
    assert one.as_dict() == other.as_dict()
