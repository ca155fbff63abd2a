import itertools
import math
from functools import reduce

import numpy as np
import pytest

from federation.domain.quantum.error_correction import (
    LOGICAL_X,
    LOGICAL_Z,
    STABILISERS,
    five_qubit,
    five_qubit_rate,
    flipped,
    repetition,
)

MATRICES = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def matrix(pauli: str) -> np.ndarray:
    return reduce(np.kron, [MATRICES[letter] for letter in pauli])


def single(letter: str, place: int) -> str:
    return "I" * place + letter + "I" * (4 - place)


@pytest.mark.parametrize("cycles", [1, 2])
def test_the_repetition_code_loses_what_its_formula_says(cycles):
    found = repetition(0.2, cycles=cycles, shots=4000, seed=1)
    each = 3 * 0.2**2 - 2 * 0.2**3
    assert found.expected == pytest.approx(flipped(each, cycles))
    assert abs(found.logical - found.expected) < 4.5 * math.sqrt(found.expected * (1 - found.expected) / 4000)
    assert found.lower <= found.logical <= found.upper and found.verdict == "better"
    assert "demonstration" in found.facts["label"] and "not applied" in found.facts["label"]


def test_without_feed_forward_the_code_is_worth_nothing():
    found = repetition(0.2, cycles=1, shots=2000, seed=2, correct=False)
    assert found.expected == found.physical == pytest.approx(0.2)
    assert found.verdict == "undecided" and abs(found.logical - 0.2) < 4.5 * math.sqrt(0.16 / 2000)


@pytest.mark.parametrize(("p", "logical"), [(0.0, 0.0), (1.0, 1.0)])
def test_certain_cases(p, logical):
    assert repetition(p, cycles=1, shots=20, seed=1).logical == logical


def test_flips_add_up_and_undo_one_another():
    assert flipped(0.1, 1) == pytest.approx(0.1)
    assert flipped(0.1, 2) == pytest.approx(2 * 0.1 * 0.9)


def test_the_five_qubit_code_corrects_every_single_error():
    # In the code space itself, with matrices: the error is found by its syndrome and undone up to a phase.
    projector = reduce(np.matmul, [(np.eye(32) + matrix(s)) / 2 for s in STABILISERS])
    zero = projector @ np.eye(32)[0]
    zero = zero / np.linalg.norm(zero)
    state = (zero + 0.5j * matrix(LOGICAL_X) @ zero) / math.sqrt(1.25)
    singles = ["IIIII", *(single(letter, place) for letter in "XYZ" for place in range(5))]
    syndromes = {}
    for error in singles:
        struck = matrix(error) @ state
        syndromes[tuple(round(np.vdot(struck, matrix(s) @ struck).real) for s in STABILISERS)] = error
    assert len(syndromes) == 16
    for error in singles:  # whatever struck, what its syndrome names undoes it, up to a phase
        struck = matrix(error) @ state
        named = syndromes[tuple(round(np.vdot(struck, matrix(s) @ struck).real) for s in STABILISERS)]
        assert abs(np.vdot(state, matrix(named) @ struck)) == pytest.approx(1)
    assert np.vdot(zero, matrix(LOGICAL_Z) @ zero).real == pytest.approx(1)
    assert five_qubit_rate(1e-4) < 20 * 1e-8  # first order in p is gone


def test_the_rate_of_the_five_qubit_code_is_that_of_its_first_terms_and_its_samples():
    # two errors always fool it: each of 10 pairs in 9 ways is taken for a third error
    p = 1e-3
    assert five_qubit_rate(p) == pytest.approx(10 * p**2, rel=0.01)
    found = five_qubit(0.1, shots=100_000, seed=1)
    assert abs(found.logical - found.expected) < 4.5 * math.sqrt(found.expected / 100_000)
    assert found.verdict == "better" and five_qubit(0.2, shots=100_000, seed=1).verdict == "worse"


def test_bad_input_is_refused():
    for p, shots in itertools.product((-0.1, 1.1, math.nan), (10,)):
        with pytest.raises(ValueError, match="expected an error probability"):
            five_qubit(p, shots=shots, seed=0)
    with pytest.raises(ValueError, match="at least one shot"):
        repetition(0.1, cycles=1, shots=0, seed=0)
    with pytest.raises(ValueError, match="expected 1 to 4 cycles"):
        repetition(0.1, cycles=5, shots=1, seed=0)
