from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.domain.quantum.solvers.ising import Ising, ProblemError, Qubo

# -x0 - x1 + 3 x0 x1: either bit alone is the optimum, both together cost 1.
TWO = Qubo.of([-1, -1], [[0, 3], [0, 0]])


@st.composite
def qubos(draw) -> Qubo:
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    blocks = draw(st.sampled_from([(), (n,), (1,) * n, (n - n // 2, n // 2) if n > 1 else ()]))
    return Qubo.of(rng.normal(size=n), rng.normal(size=(n, n)), rng.normal(), blocks)


def test_two_bits_by_hand():
    assert TWO.spectrum.tolist() == [0, -1, -1, 1]  # 00 01 10 11
    assert TWO.bits_of(2) == (1, 0) and TWO.energy((1, 1)) == 1
    assert (TWO.extremes.lowest, TWO.extremes.highest) == (-1, 1)
    assert TWO.extremes.ratio(0) == 0.5
    assert TWO.optimal(TWO.spectrum).tolist() == [False, True, True, False]


def test_two_bits_over_spins_by_hand():
    # x = (1 - z) / 2 gives 3/4 z0 z1 - 1/4 z0 - 1/4 z1 - 1/4.
    ising = TWO.ising()
    assert ising.fields.tolist() == [-0.25, -0.25] and ising.couplings[0, 1] == 0.75 and ising.offset == -0.25
    assert ising.energy([1, 1]) == 0 and ising.energy([-1, -1]) == 1 and ising.energy([1, -1]) == -1


@given(qubos())
def test_energies_survive_the_way_to_spins_and_back(problem):
    ising = problem.ising()
    again = ising.qubo(problem.blocks)
    for bits in product((0, 1), repeat=problem.n_bits):
        expected = problem.energy(bits)
        assert ising.energy(1 - 2 * np.array(bits)) == pytest.approx(expected, abs=1e-9)
        assert again.energy(bits) == pytest.approx(expected, abs=1e-9)


@given(qubos())
def test_the_spectrum_lists_every_allowed_string_once(problem):
    strings = [problem.bits_of(state) for state in range(problem.n_states)]
    assert set(strings) == {bits for bits in product((0, 1), repeat=problem.n_bits) if problem.allows(bits)}
    assert len(set(strings)) == len(strings)
    np.testing.assert_allclose(problem.spectrum, [problem.energy(bits) for bits in strings], atol=1e-9)


@given(qubos())
def test_the_penalty_leaves_allowed_costs_alone_and_lets_no_other_string_win(problem):
    free = problem.penalised()
    lowest = problem.extremes.lowest
    for bits in product((0, 1), repeat=problem.n_bits):
        if problem.allows(bits):
            assert free.energy(bits) == pytest.approx(problem.energy(bits), abs=1e-9)
        else:
            assert free.energy(bits) > lowest


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Qubo.of([], np.zeros((0, 0))), "expected 1 to 64 bits"),
        (lambda: Qubo.of(np.zeros(65), np.zeros((65, 65))), "expected 1 to 64 bits"),
        (lambda: Qubo.of([0, 0], np.zeros((2, 3))), "square"),
        (lambda: Qubo(np.zeros(2), np.ones((2, 2))), "zero on and below the diagonal"),
        (lambda: Qubo.of([0, np.nan], np.zeros((2, 2))), "finite"),
        (lambda: Qubo.of([0, 0], np.zeros((2, 2)), blocks=(1, 2)), "add up to 2 bits"),
        (lambda: Qubo.of([0, 0], np.zeros((2, 2)), ones=3), "0 to 2 ones"),
        (lambda: Qubo.of([0, 0], np.zeros((2, 2)), blocks=(2,), ones=1), "no blocks"),
        (lambda: TWO.energy((0, 2)), "0 or 1"),
        (lambda: TWO.energy((0,)), "expected 2 bits"),
        (lambda: Ising(np.zeros(2), np.zeros((2, 2))).energy([0, 1]), "1 or -1"),
        (lambda: Qubo.of(np.zeros(23), np.zeros((23, 23))).spectrum, "use annealing"),
    ],
)
def test_what_cannot_be_a_problem_is_refused(make, told):
    with pytest.raises(ProblemError, match=told):
        make()


def test_a_flat_problem_has_ratio_one_everywhere():
    flat = Qubo.of([0, 0], np.zeros((2, 2)), 5.0)
    assert flat.extremes.ratio(5.0) == 1 and flat.optimal(flat.spectrum).all()
