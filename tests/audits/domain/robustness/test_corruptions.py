"""Corruptions: hand-checked effects, comparison with MONAI, and what they must never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.domain.robustness.corruptions import IMAGE, SEVERITIES, TABULAR, Field, Table, fields_of
from federation.domain.data.heart import FEATURES
from federation.domain.data.phantom import PhantomSource
from tests.factories.stress import FEATURES as MADE_UP
from tests.factories.stress import rows_of

IMAGES = PhantomSource(patients=6, n_sites=1, px=32).load("phantom-1").x
ROWS = rows_of("north", 400).x
TABLE = Table(MADE_UP, np.median(ROWS, axis=0), np.array([1, 0, 1, 0, 0, 0, 0], dtype=bool), {"chol": (100, 400)})


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("kind", IMAGE)
def test_images_stay_images_and_suffer_more_at_each_step(kind):
    damage = []
    for severity in SEVERITIES:
        found = IMAGE[kind](IMAGES, severity, rng())
        assert found.shape == IMAGES.shape and found.dtype == np.float32
        assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
        assert np.array_equal(found, IMAGE[kind](IMAGES, severity, rng()))
        damage.append(float(np.abs(found - IMAGES).mean()))
    assert 0 < damage[0] < damage[1] < damage[2]


@pytest.mark.parametrize("kind", IMAGE)
def test_an_empty_image_is_no_trouble(kind):
    black = np.zeros((2, 1, 16, 16), dtype=np.float32)
    assert np.isfinite(IMAGE[kind](black, 3, rng())).all()


def test_blur_is_that_of_monai():
    from monai.transforms import GaussianSmooth

    ours = IMAGE["blur"](IMAGES, 3, rng())[:, :, 8:-8, 8:-8]  # MONAI pads with zeros: compare the inside
    theirs = np.stack([GaussianSmooth(sigma=0.03 * 32, approx="sampled")(image) for image in IMAGES])
    assert ours == pytest.approx(theirs[:, :, 8:-8, 8:-8], abs=2e-3)


def test_contrast_is_that_of_monai():
    from monai.transforms import AdjustContrast

    ours = IMAGE["contrast"](IMAGES, 2, rng())
    for image, found in zip(IMAGES, ours, strict=True):
        either = [np.asarray(AdjustContrast(gamma)(image)) for gamma in (0.6, 1 / 0.6)]
        assert min(np.abs(found - other).max() for other in either) < 1e-4


def test_noise_lifts_the_dark_as_rician_noise_does():
    black = np.zeros((1, 1, 128, 128), dtype=np.float32)
    assert IMAGE["noise"](black, 3, rng()).mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)


def test_a_bias_field_keeps_within_its_bounds():
    flat = np.full((3, 1, 32, 32), 0.5, dtype=np.float32)
    ratio = IMAGE["bias_field"](flat, 2, rng()) / 0.5
    assert ratio.min() >= 0.7 - 1e-6 and ratio.max() <= 1.3 + 1e-6 and ratio.std() > 0.02


def test_motion_keeps_what_is_even_along_the_moved_lines():
    flat = np.full((1, 1, 32, 32), 0.5, dtype=np.float32)
    assert IMAGE["motion"](flat, 3, rng()) == pytest.approx(flat, abs=1e-6)


def test_columns_are_put_together_to_fields():
    assert fields_of(MADE_UP)[2:] == (Field("chol", (2,), 3), Field("thal", (4, 5), 6))
    names = [found.name for found in fields_of(FEATURES)]
    assert names == [
        "age", "sex_male", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak", "slope", "ca",
        "thal",
    ]  # fmt: skip


def test_errors_of_measurement_leave_codes_alone():
    found = TABULAR["noise"](ROWS, 2, rng(), TABLE)
    assert (found - ROWS)[:, [0, 2]].std() == pytest.approx(0.05, rel=0.1)
    assert np.array_equal(found[:, [1, 3, 4, 5, 6]], ROWS[:, [1, 3, 4, 5, 6]])


def test_a_missing_value_raises_its_flag_or_is_replaced_by_a_typical_one():
    found = TABULAR["missing"](ROWS, 3, rng(), TABLE)
    gone = found[:, 3] == 1
    assert 0.3 < gone.mean() < 0.5 and np.allclose(found[gone, 2], TABLE.typical[2])
    coded = (found[:, 6] == 1) & (ROWS[:, 6] == 0)
    assert coded.any() and not found[coded][:, [4, 5]].any()
    assert np.isin(found[:, 4:7].sum(axis=1), 1).all()  # still one code a patient


def test_a_slip_is_ten_fold_in_the_raw_unit():
    found = TABULAR["unit_slip"](ROWS, 3, rng(), TABLE)
    rows = np.flatnonzero(np.abs(found[:, 2] - ROWS[:, 2]) > 1e-6)
    ratio = (100 + 300 * found[rows, 2]) / (100 + 300 * ROWS[rows, 2])
    assert len(rows) > 10 and all(min(abs(r - 10), abs(r - 0.1)) < 1e-3 for r in ratio)
    assert (np.abs(found - ROWS) > 1e-6).sum(axis=1).max() == 1


@settings(max_examples=30)
@given(st.sampled_from(sorted(TABULAR)), st.sampled_from(SEVERITIES), st.integers(0, 2**31))
def test_rows_stay_finite_and_in_shape(kind, severity, seed):
    found = TABULAR[kind](ROWS[:20], severity, np.random.default_rng(seed), TABLE)
    assert found.shape == (20, 7) and np.isfinite(found).all()
