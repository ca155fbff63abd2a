import json

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from audits.domain.fairness.quantum_kernel import KernelOrder, circuit, circuit_depth, quantum_gram, rbf_gram, states
from audits.domain.fairness.quantum_mmd import SiteMMD, combine, holm, scaled_mmd, site_statistics
from audits.domain.verdict import Verdict


def records(n, rng, spread=1.0):
    """Base rates differ between groups; within a label the groups look alike unless `spread` differs from 1."""
    male = rng.integers(0, 2, n)
    y = rng.binomial(1, 0.3 + 0.3 * male)
    x = rng.normal(size=(n, 4))
    x[:, 0] += 1.2 * (2 * y - 1)
    x[male == 1] *= spread
    return x, y, np.where(male == 1, "m", "f")


def site(rng, name="a", n=120, spread=1.0, **options):
    return site_statistics(
        *records(n, rng, spread), site=name, **({"reference_group": "m", "seed": 3, "permutations": 99} | options)
    )


def test_gram_equals_the_fidelity_of_explicit_states():
    x = np.random.default_rng(0).normal(size=(5, 4))
    b = 0.45
    gram = quantum_gram(x, KernelOrder(bandwidth=b))

    @qml.qnode(qml.device("default.qubit", wires=4))
    def overlap(u, v):
        def embed(z):
            for _ in range(2):
                for w in range(4):
                    qml.RY(b * z[w], wires=w)
                    qml.RZ(b * z[w], wires=w)
                for w in range(3):
                    qml.IsingZZ(b * b * z[w] * z[w + 1], wires=[w, w + 1])

        embed(u)
        qml.adjoint(embed)(v)
        return qml.probs(wires=range(4))

    for i in range(5):
        for j in range(5):
            assert gram[i, j] == pytest.approx(float(overlap(x[i], x[j])[0]), abs=1e-10)


@pytest.mark.parametrize("qubits", [1, 2, 5, 8])
def test_the_fast_states_are_those_of_the_circuit(qubits):
    x = np.random.default_rng(qubits).normal(size=(6, qubits))

    @qml.qnode(qml.device("default.qubit", wires=qubits))
    def prepared(rows):
        circuit(rows, 0.45)
        return qml.state()

    assert np.allclose(states(x, 0.45), np.asarray(prepared(x)), atol=1e-12)


def test_a_gram_of_many_blocks_is_symmetric_and_equals_its_parts():
    x = np.random.default_rng(3).normal(size=(600, 3))
    gram = quantum_gram(x, KernelOrder())
    assert np.array_equal(gram, gram.T) and (gram.diagonal() == 1).all()
    some = np.array([3, 255, 256, 511, 599])
    assert gram[np.ix_(some, some)] == pytest.approx(quantum_gram(x[some], KernelOrder()), abs=1e-12)


def test_the_depth_is_counted_by_hand():
    assert circuit_depth(1) == 4  # RY and RZ, twice
    assert circuit_depth(2) == 6  # and one IsingZZ each time


def test_scaled_mmd_equals_the_textbook_sums():
    x = np.random.default_rng(1).normal(size=(9, 2))
    k = rbf_gram(x)
    member = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    a, b = k[np.ix_(member, member)], k[np.ix_(~member, ~member)]
    mmd = (a.sum() - np.trace(a)) / 12 + (b.sum() - np.trace(b)) / 20 - 2 * k[np.ix_(member, ~member)].mean()
    assert scaled_mmd(k, member[None])[0] == pytest.approx(9 * mmd)


@pytest.mark.parametrize("shots", [None, 256])
def test_fair_models_of_different_prevalence_are_flagged_as_often_as_alpha_says(shots):
    rng = np.random.default_rng(5)
    order = KernelOrder(shots=shots)
    found = [combine([site(rng, name, n=40, order=order) for name in "ab"]) for _ in range(500)]
    for name in ("p_quantum", "p_rbf"):
        p = np.array([getattr(result, name) for result in found])
        assert np.sum(p <= 0.05) <= binom.ppf(0.999, 500, 0.05)
        assert 0.45 < p.mean() < 0.56


def test_a_difference_within_labels_is_flagged_by_both_kernels():
    rng = np.random.default_rng(6)
    result = combine([site(rng, name, spread=1.8) for name in "abc"])
    assert result.verdict is Verdict.FAIL
    assert result.flagged is True
    assert max(result.p_quantum, result.p_rbf) <= 0.02
    assert result.p_interval[0] <= result.p_quantum <= result.p_interval[1]


def test_sites_add_up_statistic_by_statistic():
    rng = np.random.default_rng(7)
    a, b = site(rng, "a"), site(rng, "b")
    total = np.array(a.quantum) + np.array(b.quantum)
    by_hand = (1 + np.sum(total[1:] >= total[0])) / len(total)
    assert combine([a, b]).p_quantum == pytest.approx(by_hand)


def test_too_few_of_a_group_is_not_assessable():
    x, y, group = records(40, np.random.default_rng(0))
    group[:] = "f"
    group[:4] = "m"
    result = combine([site_statistics(x, y, group, site="a", reference_group="m", seed=1)])
    assert result.verdict is Verdict.NOT_ASSESSABLE
    assert (result.p_quantum, result.p_rbf, result.flagged) == (None, None, None)
    assert "not a pass" in result.sentence


def test_every_quantum_number_carries_its_facts():
    facts = combine([site(np.random.default_rng(0))]).as_dict()["facts"]
    assert {"backend", "qubits", "depth", "shots", "noise_model", "seed", "bandwidth", "baseline"} <= set(facts)
    assert "PennyLane default.qubit" in facts["backend"] and (facts["qubits"], facts["shots"]) == (4, "analytic")


def test_a_site_sends_statistics_only_and_they_survive_json():
    sent = site(np.random.default_rng(0), order=KernelOrder(centre=(0.0,) * 4, scale=(1.0,) * 4))
    raw = json.loads(json.dumps(sent.as_dict()))
    assert SiteMMD.from_dict(raw) == sent
    assert len(raw["quantum"]) == 100


def test_large_sites_are_thinned_and_unknown_groups_left_out():
    x, y, group = records(300, np.random.default_rng(2))
    group[:20] = "unknown"
    sent = site_statistics(x, y, group, site="a", reference_group="m", seed=1, max_records=100)
    assert (sent.n, sent.n_left_out) == (100, 200)


def test_the_same_seed_gives_the_same_numbers_and_sites_permute_independently():
    x, y, group = records(100, np.random.default_rng(2))
    one, two, other = (site_statistics(x, y, group, site=s, reference_group="m", seed=1) for s in ("a", "a", "b"))
    assert one == two
    assert one.quantum[0] == other.quantum[0]
    assert one.quantum[1:] != other.quantum[1:]


def test_finite_shots_scatter_around_the_exact_fidelity():
    x = np.random.default_rng(0).normal(size=(30, 4))
    exact = quantum_gram(x, KernelOrder())
    shots = quantum_gram(x, KernelOrder(shots=1000), rng=np.random.default_rng(1))
    assert np.array_equal(shots, shots.T)
    assert 0 < np.abs(shots - exact).max() < 0.1


def test_bad_orders_are_refused_with_a_reason():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="one order"):
        combine([site(rng, "a"), site(rng, "b", order=KernelOrder(bandwidth=1.0))])
    with pytest.raises(ValueError, match="once"):
        combine([site(rng, "a"), site(rng, "a")])
    with pytest.raises(ValueError, match="one a qubit"):
        quantum_gram(np.zeros((3, 9)), KernelOrder())
    with pytest.raises(ValueError, match="finite"):
        site_statistics(
            np.full((3, 2), np.nan), np.zeros(3), np.array(list("abc")), site="a", reference_group="a", seed=1
        )


def test_holm_by_hand():
    assert holm({"sex": 0.04, "age": 0.01, "race": 0.03}) == pytest.approx({"age": 0.03, "race": 0.06, "sex": 0.06})
    assert holm({}) == {}


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.floats(0.001, 1), min_size=1, max_size=6))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p):
    adjusted = holm(p)
    assert all(p[k] <= adjusted[k] <= 1 for k in p)
    ranked = sorted(p, key=p.get)
    assert [adjusted[k] for k in ranked] == sorted(adjusted.values())
