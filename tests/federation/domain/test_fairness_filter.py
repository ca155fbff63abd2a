"""Weights of strata before training: by hand, against AIF360, and what a site may tell of them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from audits.domain.fairness.aif360_metrics import quiet_import
from federation.domain import fairness_filter as filters
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.fairness_config import SOLVERS, FairnessConfig, Figures, read_told
from federation.domain.fairness_filter import Stratum

# 120 patients; half are ill, two thirds of one group and a third of the other. Reweighing's weights 0.75 and 1.5 are
# levels, so parity costs nothing but the penalty: 0.001 * (1/3 * 0.25 + 2/3 * 0.0625) = 0.000125.
STRATA = (Stratum("a", True, 40), Stratum("a", False, 20), Stratum("b", True, 20), Stratum("b", False, 40))
PARITY = FairnessConfig("sex")


def site(groups: str, labels: str) -> SiteData:
    n = len(groups)
    return SiteData(
        "north", "classification", tuple(f"p{i}" for i in range(n)), np.zeros((n, 1), dtype=np.float32),
        np.array([int(label) for label in labels]), np.arange(n), {"sex": np.array(list(groups))}, ("x",),
        LoadReport(n, n),
    )  # fmt: skip


def test_parity_of_a_small_table_by_hand():
    weights, figures = filters.choose(STRATA, replace(PARITY, solver="exact"), seed=3)
    assert weights == pytest.approx([0.75, 1.5, 1.5, 0.75]) and weights == pytest.approx(filters.reweighing(STRATA))
    assert figures == Figures(
        solver="exact", seed=3, qubits=12, objective=0.000125, optimum=0.000125, reweighing=0.000125,
        # without weights each group misses by 40/120 * 0.5 - 20/120 * 0.5 = 1/12, twice: 2/144
        unweighted=0.0139, p_optimum=1.0, p_uniform=0.000244, ratio=1.0, shots=None, depth=None,
        backend="numpy, every choice listed", annealing=0.000125, p_annealing=figures.p_annealing,
    )  # fmt: skip


def test_equal_mass_by_hand():
    """A quarter of 120 patients in each stratum: 30 / 40 = 0.75 and 30 / 20 = 1.5."""
    weights, figures = filters.choose(STRATA, FairnessConfig("sex", "equal_mass", "exact"), seed=0)
    assert weights == pytest.approx([0.75, 1.5, 1.5, 0.75])
    assert figures.unweighted == pytest.approx(4 * (1 / 3 - 1 / 4) ** 2, abs=1e-4)


@pytest.mark.parametrize("target", ["parity", "equal_mass"])
@pytest.mark.parametrize("bits", [1, 2])
def test_the_bits_cost_what_their_weights_cost(target, bits):
    strata = (*STRATA[:2], Stratum("b", True, 7), Stratum("b", False, 19))
    problem = filters.weight_qubo(strata, target, bits)
    for state in itertools.product((0, 1), repeat=problem.n_bits):
        weights = filters.weights_of(state, len(strata))
        assert problem.energy(state) == pytest.approx(filters.cost(strata, target, weights), abs=1e-12)
    assert filters.weights_of((1,) * 4 * bits, 4) == pytest.approx([filters.HEAVIEST] * 4)
    assert filters.weights_of((0,) * 4 * bits, 4) == pytest.approx([filters.HEAVIEST / 2**bits] * 4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_beats_no_weights_and_its_figures_say_how(solver):
    weights, figures = filters.choose(STRATA, replace(PARITY, solver=solver), seed=1)
    assert figures.optimum <= figures.objective < figures.unweighted
    assert figures.objective == pytest.approx(filters.cost(STRATA, "parity", weights), rel=0.01)
    assert figures.p_optimum > 10 * figures.p_uniform  # one draw against one without any thought
    assert figures.ratio > 0.9
    assert filters.choose(STRATA, replace(PARITY, solver=solver), seed=1)[1] == figures  # repeatable
    assert Figures.from_dict(figures.as_dict()) == figures


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_no_weight_is_always_among_the_levels(bits):
    states = itertools.product((0, 1), repeat=bits)
    assert any(filters.weights_of(state, 1) == pytest.approx([1]) for state in states)


@pytest.mark.parametrize("target", ["parity", "equal_mass"])
@pytest.mark.parametrize("groups", [2, 3, 4, 5, 8])
def test_many_groups_with_few_bits_each_are_never_worse_than_no_weights(groups, target):
    """Five age bands of 100 patients, 40 to 48 ill: with levels that leave 1 out, weights did harm."""
    names = "abcdefgh"[:groups]
    data = site(
        "".join(name * 100 for name in names),
        "".join("1" * (40 + 2 * i) + "0" * (60 - 2 * i) for i in range(groups)),
    )
    config = FairnessConfig("sex", target, "exact")
    strata = filters.strata_of(data.groups["sex"], filters.labels_of(data), config)
    weights, figures = filters.choose(strata, config, seed=0)
    assert (
        figures.optimum
        <= figures.unweighted
        == pytest.approx(filters.cost(strata, target, np.ones(len(strata))), rel=0.01)
    )
    found = filters.weigh(data, config, seed=0)
    assert (found.weights is None) == (filters.cost(strata, target, weights) >= filters.cost(
        strata, target, np.ones(len(strata))
    ))  # fmt: skip
    if found.weights is not None:
        assert found.weights.mean() == pytest.approx(1)


def test_weights_that_a_solver_found_and_are_worse_than_none_are_not_used(monkeypatch):
    worst = filters.weights_of((1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1), 4)
    figures = filters.choose(STRATA, PARITY, seed=1)[1]
    monkeypatch.setattr(filters, "choose", lambda *_, **__: (worst, replace(figures, objective=0.5, unweighted=0.0139)))
    found = filters.weigh(site("a" * 60 + "b" * 60, "1" * 40 + "0" * 20 + "1" * 20 + "0" * 40), PARITY, seed=1)
    assert found.weights is None and found.reason == "the weights found by qaoa are no better than none"
    told, why = read_told(found.as_dict())  # who lost is told as who won
    assert (told.objective, told.unweighted, why) == (0.5, 0.0139, found.reason)


def test_what_sites_told_before_annealing_stood_beside_is_still_read():
    told = filters.choose(STRATA, PARITY, seed=1)[1].as_dict()
    assert told["shots"] and told["depth"] and told["backend"] and told["annealing"] >= told["optimum"]
    old = {name: told[name] for name in list(told)[:10]}
    (read, why) = read_told(old)
    assert (read.annealing, read.ratio, why) == (None, told["ratio"], "")


def test_the_closed_form_is_aif360s_reweighing():
    rows = [(s.group == "b", s.label) for s in STRATA for _ in range(s.n)]
    table = pd.DataFrame(rows, columns=["group", "label"]).astype(float)
    datasets = quiet_import("aif360.datasets")
    data = datasets.BinaryLabelDataset(df=table, label_names=["label"], protected_attribute_names=["group"])
    theirs = quiet_import("aif360.algorithms.preprocessing").Reweighing([{"group": 0}], [{"group": 1}])
    expected = theirs.fit_transform(data).instance_weights
    assert np.repeat(filters.reweighing(STRATA), [s.n for s in STRATA]) == pytest.approx(expected)


def test_each_patient_gets_the_weight_of_the_stratum_with_mean_1():
    found = filters.weigh(site("a" * 60 + "b" * 60, "1" * 40 + "0" * 20 + "1" * 20 + "0" * 40), PARITY, seed=1)
    assert found.weights is not None and found.weights.mean() == pytest.approx(1)
    by_stratum = [found.weights[start] for start in (0, 40, 60, 80)]
    assert by_stratum[1] > by_stratum[0] and by_stratum[2] > by_stratum[3]


def test_a_patient_of_images_is_ill_if_any_slice_is():
    masks = np.zeros((4, 2, 2), dtype=np.uint8)
    masks[2, 0, 1] = 1
    images = replace(site("ab", "00"), y=masks, patient_index=np.array([0, 0, 1, 1]), x=np.zeros((4, 1, 2, 2)))
    assert filters.labels_of(images).tolist() == [False, True]


SMALL = ("a" * 24 + "b" * 24, "1" * 12 + "0" * 12 + "1" * 4 + "0" * 20)


@pytest.mark.parametrize(
    ("groups", "labels", "config", "reason"),
    [
        (*SMALL, FairnessConfig("age"), "does not know age"),
        (*SMALL, PARITY, "at least 5 patients"),  # four of b are ill: one group is left
        ("a" * 20, "1" * 10 + "0" * 10, PARITY, "at least 5 patients"),
        ("ab" * 10, "10" * 10, replace(PARITY, min_cell=11), "at least 11 patients"),
    ],
)
def test_small_cells_are_not_weighed_and_no_figure_of_them_is_told(groups, labels, config, reason):
    found = filters.weigh(site(groups, labels), config, seed=1)
    assert found.weights is None and found.figures is None
    assert list(found.as_dict()) == ["reason"] and read_told(found.as_dict()) == (None, found.reason)
    assert reason in found.reason


def test_a_small_stratum_keeps_weight_1_beside_large_ones():
    found = filters.weigh(site(*SMALL), FairnessConfig("sex", "equal_mass", "exact"), seed=1)
    assert found.weights is not None
    small, ill, well, many = (found.weights[i] for i in (24, 0, 12, 28))
    # Of the three large ones, 12, 12 and 20 of 44: 44 / 36 = 1.22 and 44 / 60 = 0.73, in steps of 0.25: 1.25 and 0.75,
    # whose mean over the 44 is 45 / 44. The four others count as they did.
    assert small == 1 and [ill, well, many] == pytest.approx([1.25 * 44 / 45, 1.25 * 44 / 45, 0.75 * 44 / 45])


@pytest.mark.parametrize(
    "change",
    [
        {"p_optimum": 1.2},
        {"objective": float("nan")},
        {"objective": -1},
        {"solver": "magic"},
        {"ratio": "1"},
        {"n": 3},
        {"p_annealing": 2},
        {"backend": 3},
        {"shots": -1},
        {"annealing": "low"},
    ],
)
def test_figures_that_make_no_sense_are_refused(change):
    good = filters.choose(STRATA, replace(PARITY, solver="exact"), seed=1)[1].as_dict()
    with pytest.raises(ValueError, match="weights of patients|figures|solver|backend"):
        read_told({**good, **change})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, "an attribute"),
        ({"attribute": "sex", "weight": 2}, "an attribute"),
        ({"attribute": ""}, "an attribute"),
        ({"attribute": "sex", "solver": "magic"}, "qaoa, vqe"),
        ({"attribute": "sex", "target": []}, "parity, equal_mass"),
        ({"attribute": "sex", "bits": 5}, "from 1 to 4"),
        ({"attribute": "sex", "min_cell": 1}, "from 2"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused_in_words(raw, expected):
    with pytest.raises(ValueError, match=expected):
        FairnessConfig.recommended(raw)
