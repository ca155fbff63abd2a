from __future__ import annotations

import numpy as np
import pytest

from audits.domain.attacks.attribute import Patients, assessable, columns_without, guess, image_summary


def patients(rng: np.random.Generator, n: int, *, told: bool) -> Patients:
    """The other features say nothing of the attribute; model "m" says it aloud if `told`."""
    attribute = rng.choice(["female", "male"], n).astype("U7")
    says = (attribute == "male").astype(float) if told else rng.random(n)
    return Patients(rng.random((n, 3)), {"m": says[:, None], "silent": rng.random((n, 1))}, attribute)


@pytest.mark.parametrize("attacker", ["linear", "forest"])
def test_a_model_that_tells_is_caught_beside_one_that_does_not(attacker):
    rng = np.random.default_rng(0)
    known, target = patients(rng, 80, told=True), patients(rng, 100, told=True)
    found = guess(attacker, known, {"t": target}, seed=1)["t"]
    assert found.with_model["m"].mean() > 0.95
    assert abs(found.with_model["silent"].mean() - found.without.mean()) < 0.15


def test_features_that_spell_the_attribute_out_are_left_out():
    names = ("age", "sex_male", "chol", "sextant")
    assert columns_without(names, "sex").tolist() == [True, False, True, True]
    assert columns_without(names, "age_band").tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("known", "enough"),
    [
        (["a"] * 15 + ["b"] * 5, True),
        (["a"] * 16 + ["b"] * 4, False),
        (["a"] * 30, False),
        (["a"] * 10 + ["b"] * 9 + ["unknown"] * 9, False),
        ([], False),
    ],
)
def test_two_groups_of_enough_patients_are_needed(known, enough):
    assert assessable(np.array(known, dtype=str)) is enough


def test_unknown_attributes_are_left_out():
    rng = np.random.default_rng(0)
    some = patients(rng, 4, told=False)
    some.attribute[1] = "unknown"
    assert len(some.recorded().others) == 3
    assert len(some.and_(some).answers["m"]) == 8


def test_the_summary_of_images_is_by_patient_and_channel():
    x = np.zeros((3, 2, 4, 4), dtype=np.float32)
    x[2, 1] = 1.0
    found = image_summary(x, np.array([0, 0, 1]), 2)
    assert found.shape == (2, 14)
    assert found[0].sum() == 0 and found[1, 1] == 1.0
