"""The simulation of the monitor decides as the monitor does, and its peers by the rules that they are named after."""

import numpy as np
import pytest

from audits.domain.monitor.betting import OutcomeEvent, begin, fold_all
from benchmarks.monitor import area, detectors
from benchmarks.monitor.cases import pairs, policy


@pytest.mark.parametrize("gap", [0.1, 0.3])
def test_the_simulated_detectors_halt_where_the_fold_halts(gap):
    chosen = policy()
    rng = np.random.default_rng(1)
    first, second = rng.random((300, 6)) < 0.85 - gap, rng.random((300, 6)) < 0.85
    betting, e_sr = detectors.ours(first.astype(float) - second, chosen)
    for run in range(6):
        values = np.column_stack([first[:, run], second[:, run]]).ravel()
        events = [OutcomeEvent(i + 1, {"sex": "fm"[i % 2]}, {"tpr": float(v)}, "1") for i, v in enumerate(values)]
        halted = fold_all(begin(chosen), events, chosen).streams[0].halted
        # the pair of number n is completed by the event of number 2n
        for name, found in (("betting", betting[run]), ("e_sr", e_sr[run])):
            assert halted.get(name) == (int(2 * found) if np.isfinite(found) else None)


def test_the_peers_by_hand():
    calm, harm = np.zeros((200, 1)), np.full((200, 1), 0.2)
    live = np.concatenate([calm, harm])
    assert detectors.window(live, 100)[0] == 251  # 51 of the last hundred at 0.2: a mean over 0.1
    assert detectors.peeked(np.full((100, 1), 0.2))[0] == 30
    wavering = np.tile([[0.1], [-0.1]], (500, 1))
    assert detectors.nannyml_like(live, wavering)[0] == 300
    assert detectors.evidently_like(live, wavering)[0] == 300
    assert np.isinf(detectors.nannyml_like(calm, wavering)[0])


def test_rates_and_dice_differ_by_the_gap():
    rng = np.random.default_rng(2)
    for kind in ("tpr", "dice"):
        assert pairs(0.2, 4000, 5, rng, kind=kind).mean() == pytest.approx(-0.2, abs=0.02)


def test_an_unknown_part_is_refused():
    with pytest.raises(SystemExit, match="false_halts"):
        list(area.measure(quick=True, only=["nothing"]))
