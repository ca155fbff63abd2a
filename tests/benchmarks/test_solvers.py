import numpy as np
import pytest

from benchmarks.solvers.tables import rows
from federation.domain.quantum.solvers.comparison import compare
from federation.domain.quantum.solvers.ising import Qubo


def test_every_solver_stands_against_the_same_draw_at_random_of_an_allowed_choice():
    """Two of four bits are 6 choices, of which one is the cheapest; a penalty of 10 keeps to two."""
    problem = Qubo.of(np.array([-1.0, -2, -3, -4]) - 30, np.triu(np.full((4, 4), 20.0), 1), 40, ones=2)
    found = {row.metric: row for row in rows("toy", [compare(problem, seeds=[0, 1])] * 2)}
    assert {row.peer_value for row in found.values()} == {1 / 6}
    assert found["toy.exact"].ratio == pytest.approx(6) and found["toy.uniform_draws"].ratio == pytest.approx(1)
    assert all("2 problems of 4 bits, 6 choices" in row.note for row in found.values())
    assert "of draws allowed" in found["toy.QAOA"].note and "of draws allowed" not in found["toy.annealing"].note
