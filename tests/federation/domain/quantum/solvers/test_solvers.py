import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from federation.domain.quantum.solvers import annealing, exact, qaoa, vqe
from federation.domain.quantum.solvers.comparison import Interval, compare
from federation.domain.quantum.solvers.ising import ProblemError, Qubo
from federation.domain.quantum.solvers.solution import best_drawn, figures

# Maximum cut of a triangle with one heavy edge: separating bit 0 from bit 1 pays 2, the other edges 1 each.
# Optima cut the heavy edge and one other: 3, by 4 of the 8 strings.
TRIANGLE = Qubo.of([-3, -3, -2], [[0, 4, 2], [0, 0, 2], [0, 0, 0]])
# Two groups choose one of two: (0, 0) costs 2, (0, 1) 1, (1, 0) 5, (1, 1) 1.5.
CHOICES = Qubo.of([0, 1, 2, 1], [[0, 0, 0, 0], [0, 0, 2, -0.5], [0, 0, 0, 0], [0, 0, 0, 0]], blocks=(2, 2))


def drawn(n: int, seed: int, blocks: tuple[int, ...] = ()) -> Qubo:
    rng = np.random.default_rng(seed)
    return Qubo.of(rng.normal(size=n), rng.normal(size=(n, n)), 0.3, blocks)


def test_the_triangle_by_hand():
    found = exact.solve(TRIANGLE)
    assert found.energy == -3 and found.p_uniform == 0.5 and found.evaluations == 8
    assert found.bits == (0, 1, 0)
    assert (found.shots, found.seed, found.depth) == (None, None, None)


def test_the_choices_by_hand():
    found = exact.solve(CHOICES)
    assert (found.bits, found.energy, found.p_uniform) == ((1, 0, 0, 1), 1, 0.25)


@pytest.mark.parametrize("solve", [annealing.solve, qaoa.solve, vqe.solve])
@pytest.mark.parametrize(
    "problem", [TRIANGLE, CHOICES, drawn(6, 1), drawn(6, 2, (3, 3))], ids=["triangle", "choices", "free", "blocks"]
)
def test_every_solver_finds_the_optimum_of_a_small_problem(solve, problem):
    found = solve(problem, seed=3)
    assert found.energy == pytest.approx(problem.extremes.lowest, abs=1e-9)
    assert problem.energy(found.bits) == pytest.approx(found.energy, abs=1e-9)
    assert found.p_optimum > found.p_uniform and found.ratio > 0.5
    assert solve(problem, seed=3).bits == found.bits


def test_depth_zero_is_uniform():
    found = qaoa.solve(drawn(6, 1), depth=0)
    assert found.solver == "uniform draws" and found.evaluations == 0
    assert found.p_optimum == pytest.approx(found.p_uniform) == pytest.approx(1 / 64)


def test_more_layers_do_not_do_worse():
    ratios = [qaoa.solve(drawn(8, 4), depth=depth, max_evaluations=200).ratio for depth in (0, 1, 3, 6)]
    assert ratios == sorted(ratios) and ratios[-1] > ratios[0] + 0.2


def test_the_budget_is_kept():
    found = qaoa.solve(drawn(8, 4), depth=6, max_evaluations=7)
    assert found.evaluations <= 8  # a line search may finish its step


def circuit_of(problem: Qubo, angles: np.ndarray, *, start: np.ndarray, mixers) -> np.ndarray:
    """QAOA as PennyLane runs it, gate by gate: probabilities of all bit strings."""
    import pennylane as qml

    ising, n = problem.ising(), problem.n_bits
    scale = problem.spectrum.std()

    @qml.qnode(qml.device("default.qubit", wires=n))
    def node():
        qml.StatePrep(start, wires=range(n))
        for gamma, beta in angles.T:
            for i in range(n):
                qml.RZ(2 * gamma * ising.fields[i] / scale, wires=i)
                for j in range(i + 1, n):
                    qml.IsingZZ(2 * gamma * ising.couplings[i, j] / scale, wires=[i, j])
            mixers(beta)
        return qml.probs(wires=range(n))

    return node()


def test_free_bits_equal_the_circuit_of_pennylane():
    import pennylane as qml

    problem, angles = drawn(5, 7), np.array([[0.4, 0.9], [0.7, 0.2]])

    def mixers(beta):
        for wire in range(5):
            qml.RX(-2 * beta, wires=wire)

    expected = circuit_of(problem, angles, start=np.full(32, 32**-0.5), mixers=mixers)
    got = np.abs(qaoa.Ansatz.of(problem).state(angles)) ** 2
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_blocks_equal_the_circuit_of_pennylane_with_xy_rings():
    import pennylane as qml

    problem, angles = drawn(5, 8, (3, 2)), np.array([[0.4, 0.9], [0.7, 0.2]])
    states = [int("".join(map(str, problem.bits_of(s))), 2) for s in range(problem.n_states)]
    start = np.zeros(32)
    start[states] = 6**-0.5  # a W state in each block

    def hop(i, j):
        return 0.5 * (qml.X(i) @ qml.X(j) + qml.Y(i) @ qml.Y(j))

    rings = [hop(0, 1) + hop(1, 2) + hop(2, 0), hop(3, 4)]
    matrices = [qml.matrix(ring, wire_order=wires) for ring, wires in zip(rings, ([0, 1, 2], [3, 4]), strict=True)]

    def mixers(beta):
        for matrix, wires in zip(matrices, ([0, 1, 2], [3, 4]), strict=True):
            qml.QubitUnitary(expm(1j * beta * matrix), wires=wires)

    expected = circuit_of(problem, angles, start=start, mixers=mixers)
    assert expected[states].sum() == pytest.approx(1)  # no draw breaks a block
    got = np.abs(qaoa.Ansatz.of(problem).state(angles)) ** 2
    np.testing.assert_allclose(got, expected[states], atol=1e-12)


def test_the_eigensolver_equals_the_circuit_of_pennylane():
    import pennylane as qml

    angles = np.random.default_rng(5).normal(size=(3, 4))

    @qml.qnode(qml.device("default.qubit", wires=4))
    def node():
        for layer, row in enumerate(angles):
            for control in range(3 if layer else 0):
                qml.CNOT([control, control + 1])
            for wire in range(4):
                qml.RY(row[wire], wires=wire)
        return qml.state()

    np.testing.assert_allclose(vqe.state(angles), node(), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(), (3, 2), (1, 4)]))
def test_gradients_are_those_of_the_energy(seed, blocks):
    problem, rng, step = drawn(5, seed, blocks), np.random.default_rng(seed), 1e-6
    ansatz, cost = qaoa.Ansatz.of(problem), rng.normal(size=32)
    for run, shape in ((ansatz.energy_and_gradient, (2, 3)), (lambda a: vqe.energy_and_gradient(a, cost), (3, 5))):
        angles = rng.normal(size=shape)
        _, gradient = run(angles)
        for place in np.ndindex(shape):
            moved = np.zeros(shape)
            moved[place] = step
            numeric = (run(angles + moved)[0] - run(angles - moved)[0]) / (2 * step)
            assert gradient.reshape(shape)[place] == pytest.approx(numeric, abs=1e-5)


@pytest.mark.parametrize(
    ("solve", "n", "told"),
    [(exact.solve, 23, "use annealing"), (qaoa.solve, 21, "20 free bits"), (vqe.solve, 17, "at most 16 bits")],
)
def test_what_does_not_fit_in_memory_is_refused(solve, n, told):
    with pytest.raises(ProblemError, match=told):
        solve(drawn(n, 0))


def test_annealing_finds_the_best_of_a_given_number_of_bits():
    # 4 of 12 bits, kept by a penalty a thousand times the differences that matter.
    gain = np.random.default_rng(0).random(12) / 100
    problem = Qubo.of(-gain + 10 * (1 - 8), np.triu(np.full((12, 12), 20.0), 1), 160)
    found = annealing.solve(problem, seed=1)
    assert found.energy == pytest.approx(-np.sort(gain)[-4:].sum(), abs=1e-9) and found.p_optimum > 0.5


def test_annealing_runs_where_the_optimum_is_not_known():
    found = annealing.solve(drawn(30, 0), runs=4, sweeps=30)
    assert (found.p_optimum, found.p_uniform, found.ratio) == (None, None, None) and found.energy < 0


@pytest.mark.parametrize(
    ("solve", "how"),
    [
        (annealing.solve, {"runs": 0}),
        (qaoa.solve, {"depth": -1}),
        (qaoa.solve, {"shots": 0}),
        (vqe.solve, {"layers": 0}),
        (vqe.solve, {"max_evaluations": 0}),
    ],
)
def test_settings_out_of_range_are_refused(solve, how):
    with pytest.raises(ValueError, match="got"):
        solve(TRIANGLE, **how)


def test_a_table_shows_every_solver_beside_the_exact_answer():
    table = compare(drawn(6, 2, (3, 3)), seeds=range(4), shots=50)
    rows = {row.solver: row for row in table.rows}
    assert list(rows) == ["exact", "annealing", "uniform draws", "QAOA", "VQE"]
    assert table.best.solver == "exact" and (table.n_bits, table.n_states) == (6, 9)
    assert rows["uniform draws"].p_optimum.mean == pytest.approx(1 / 9)
    qaoa_row = rows["QAOA"]
    assert 1 / 9 < qaoa_row.p_optimum.lower <= qaoa_row.p_optimum.mean <= qaoa_row.p_optimum.upper <= 1
    assert {row.p_uniform for row in table.rows} == {rows["exact"].p_uniform}  # whatever strings a solver draws from
    assert rows["VQE"].allowed < rows["QAOA"].allowed == 1
    assert rows["exact"].found == rows["annealing"].found == 1
    assert rows["annealing"].p_optimum.lower < 1 == rows["annealing"].p_optimum.upper  # counted in 80 runs


# Three of five bits, whose number is kept by a penalty a hundred times the differences that matter.
PENALTY = 100.0
THREE = Qubo.of(
    np.array([-1.0, -2, -3, -4, -4]) + PENALTY * (1 - 6), 2 * PENALTY * np.triu(np.ones((5, 5)), 1), 9 * PENALTY, ones=3
)


def test_three_of_five_by_hand():
    found = exact.solve(THREE)
    assert (found.bits, found.energy, found.p_uniform) == ((0, 0, 1, 1, 1), -11, 1 / 10)
    assert (THREE.n_choices, THREE.n_states) == (10, 32)
    assert (THREE.extremes.lowest, THREE.extremes.highest) == (-11, -6)  # not the penalty of 32 others
    drawn = qaoa.solve(THREE, depth=0)
    assert (drawn.p_optimum, drawn.allowed) == (pytest.approx(1 / 10), 1)
    assert drawn.ratio == pytest.approx((0.6 * 14 - 6) / 5)  # each bit is in 6 of 10 choices


def test_what_is_not_allowed_counts_as_such():
    probability, none = np.full(32, 1 / 32), np.zeros(32)
    none[0] = 1
    worth = figures(THREE, probability, THREE.spectrum, THREE.allowed)
    assert worth == pytest.approx((1 / 32, 1 / 10, 10 / 32 * (0.6 * 14 - 6) / 5, 10 / 32))
    assert figures(THREE, none, THREE.spectrum, THREE.allowed) == (0, 1 / 10, 0, 0)
    rng = np.random.default_rng(0)
    assert best_drawn(none, THREE.spectrum, THREE.allowed, shots=9, rng=rng) is None
    table = compare(THREE, seeds=range(3))
    for row in table.rows:
        assert row.p_uniform == 1 / 10 and 0 <= row.ratio.mean <= 1
        assert row.best.energy is None or sum(row.best.bits) == 3
    assert table.n_states == 10


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_the_costs_changes_nothing(unit):
    problem = Qubo.of(unit * TRIANGLE.linear, unit * TRIANGLE.quadratic)
    rows = compare(problem, seeds=[0, 1]).rows
    assert [row.p_uniform for row in rows] == [0.5] * 5
    assert all(row.found == 1 for row in rows)


def test_found_and_optimal_are_told_by_the_same_rounding():
    """A second-best choice, of which one says optimum and the other not, would make the figures contradict."""
    near = Qubo.of([0, 1e-9, 1], np.zeros((3, 3)), blocks=(3,))
    known = near.extremes
    assert near.optimal(near.spectrum).tolist() == [energy <= known.lowest + known.rounding for energy in near.spectrum]
    assert near.optimal(near.spectrum[:1] + 2e-9).tolist() == [False]


def test_pairs_within_a_block_never_count_when_a_block_is_redrawn():
    """Bits of one block are never both 1, whatever their pair would cost."""
    plain = drawn(6, 2, (3, 3))
    quadratic = plain.quadratic.copy()
    for rows in (slice(0, 3), slice(3, 6)):
        quadratic[rows, rows] = np.triu(np.full((3, 3), -50.0), 1)
    odd = Qubo(plain.linear, quadratic, plain.constant, plain.blocks)
    one, two = (annealing.solve(problem, seed=4, runs=50, sweeps=2) for problem in (plain, odd))
    assert (one.bits, one.energy, one.p_optimum, one.ratio) == (two.bits, two.energy, two.p_optimum, two.ratio)


def test_a_table_names_what_does_not_fit():
    table = compare(drawn(23, 0), seeds=[0], shots=10)
    rows = {row.solver: row for row in table.rows}
    assert "use annealing" in rows["exact"].refused and rows["QAOA"].best is None
    assert table.best.solver == "annealing" and rows["annealing"].found is None


def test_an_interval_by_hand():
    assert Interval.over_seeds([0.2, 0.4, 0.6]) == Interval(pytest.approx(0.4), 0.2, 0.6)
    assert Interval.over_seeds([None, 1.0]) == Interval(None, None, None)
    sure = Interval.counted(100, 100)  # all runs ended in the optimum, which leaves 0.025 ** (1 / 100)
    assert (sure.mean, sure.upper) == (1, 1) and sure.lower == pytest.approx(0.025**0.01)
    assert Interval.counted(0, 20).upper == pytest.approx(1 - 0.025**0.05)
