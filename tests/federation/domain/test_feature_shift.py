"""Noised counts at the site, and what the coordinator makes of them, on data whose shift is known by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from federation.domain import feature_shift
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.data.phantom import PhantomSource
from federation.domain.feature_summaries import BINS, MEASURES, UNITS, Question, exact, noised, offered
from federation.domain.privacy.accountant import composed_epsilon
from federation.domain.privacy.stream import KeyedStream


def tabular(values: list[list[float]]) -> SiteData:
    x = np.array(values, dtype=np.float32)
    n = len(x)
    return SiteData(
        "a", "classification", tuple(map(str, range(n))), x, np.zeros(n, dtype=np.int64), np.arange(n), {},
        ("age", "chol"), LoadReport(n, n),
    )  # fmt: skip


def images(*rows: tuple[int, float, float]) -> SiteData:
    """Slices of patients: background 0, one half of the rest at each of two grey values."""
    x = np.zeros((len(rows), 1, 4, 4), dtype=np.float32)
    for place, (_, first, second) in enumerate(rows):
        x[place, 0, 1], x[place, 0, 2] = first, second
    index = np.array([patient for patient, *_ in rows])
    n = index.max() + 1
    return SiteData(
        "a", "segmentation", tuple(map(str, range(n))), x, np.zeros((len(rows), 4, 4), np.uint8), index, {}, ("t1",),
        LoadReport(n, n),
    )  # fmt: skip


def test_a_table_counts_each_patient_once_a_feature_and_its_outer_bins_are_open():
    found = exact(tabular([[0.0, 0.5], [0.13, -3.0], [0.99, 7.0]]), ("chol", "age"))
    assert (found // UNITS).tolist() == [[1, 0, 0, 0, 1, 0, 0, 1], [1, 1, 0, 0, 0, 0, 0, 1]]
    with pytest.raises(ValueError, match="expected features among"):
        exact(tabular([[0, 0]]), ("weight",))


def test_an_image_is_described_over_its_pixels_that_are_no_background_whatever_its_slices():
    data = images((1, 0.2, 0.2), (0, 0.3, 0.9), (1, 0.4, 0.4))
    names = offered({"feature_names": ["t1"], "shape": [1, 4, 4]})
    assert names == [f"t1: {measure}" for measure in MEASURES]
    found = dict(zip(names, exact(data, names).tolist(), strict=True))
    # Patient 0: half of the pixels at 0.3 (bin 2) and half at 0.9 (bin 7). Patient 1: 0.2 (bin 1) and 0.4 (bin 3).
    assert found["t1: intensity"] == [0, 32, 32, 32, 0, 0, 0, 32]
    assert found["t1: mean"] == [0, 0, UNITS, 0, UNITS, 0, 0, 0]  # 0.3 and 0.6
    assert found["t1: spread"] == [0, UNITS, 0, 0, UNITS, 0, 0, 0]  # 0.1 and 0.3, of 0 to 0.5
    assert found["t1: skewness"][4] == 2 * UNITS  # symmetric: 0 is in the fifth bin from -3 to 3
    entropy = math.log(2) / math.log(32)  # 0.2
    assert found["t1: entropy"][int(entropy * BINS)] == 2 * UNITS
    assert all(sum(row) == 2 * UNITS for row in found.values())


def test_one_patient_moves_the_table_by_no_more_than_is_paid_for():
    data = images((0, 0.3, 0.9), (1, 0.2, 0.77), (2, 0.1, 0.5))
    names = offered({"feature_names": ["t1"], "shape": [1, 4, 4]})
    question = Question(tuple(names), 1.0)
    for patient in range(3):
        moved = exact(data, names) - exact(data.take(np.array([p for p in range(3) if p != patient])), names)
        assert np.linalg.norm(moved) <= question.levels and np.abs(moved).sum() == UNITS * len(names)
    spend = question.spend
    assert math.sqrt(spend.parameters) * (spend.levels + math.sqrt(spend.parameters)) >= UNITS * len(names)


def test_the_noise_is_the_least_that_keeps_to_epsilon_and_has_the_size_that_is_told():
    question = Question.within(("age", "chol"), epsilon=1.0, delta=1e-5)
    assert 0.99 < composed_epsilon([question.spend], 1e-5) <= 1.0
    table = np.zeros((2, BINS), dtype=np.int64)
    drawn = np.array([noised(table, question, KeyedStream(key)) for key in range(200)]) / UNITS
    assert drawn.std() == pytest.approx(question.noise_sd, rel=0.06) and abs(drawn.mean()) < 0.1 * question.noise_sd
    assert (noised(table, question, KeyedStream(7)) == noised(table, question, KeyedStream(7))).all()


@pytest.mark.parametrize("raw", [{}, {"features": "age", "noise_multiplier": 1}, {"features": ["a", "a"],
    "noise_multiplier": 1}, {"features": ["a"], "noise_multiplier": float("nan")}, {"features": [],
    "noise_multiplier": 1.0}, {"features": ["a"], "noise_multiplier": True}])  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(raw):
    with pytest.raises(ValueError, match="expected"):
        Question.from_dict(raw)


def shift(own: list[int], rest: list[int], *, sd: float = 0.0):
    tables = {"a": np.array([own]) * UNITS, "b": np.array([rest]) * UNITS}
    a, b = feature_shift.compare(tables, {"a": sum(own), "b": sum(rest)}, ["age"], noise_sd=sd)
    assert (a.site, b.site, a.distance) == ("a", "b", b.distance)
    return a


def test_equal_shares_are_no_shift_and_disjoint_ones_are_all_of_it():
    alike = shift([10, 20, 30, 20, 10, 5, 5, 0], [20, 40, 60, 40, 20, 10, 10, 0])
    assert alike.distance == 0 and alike.low == 0 and not alike.shifted and alike.moved == 0
    apart = shift([100, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 100])
    assert apart.distance == 1 and apart.shifted and apart.moved == pytest.approx(-7 / 8)  # seven bins, downwards


def test_a_shift_by_one_bin_is_found_to_be_that():
    """All patients one bin higher: the mass moves by an eighth of the range, whatever the shape."""
    shape = [50, 100, 200, 300, 200, 100, 50, 0]
    found = shift([0, *shape[:-1]], shape)
    assert found.moved == pytest.approx(1 / 8, abs=1e-4) and found.shifted
    # Jensen-Shannon by hand: shares p, q, middle m.
    p, q = np.array([0, *shape[:-1]]) / 1000, np.array(shape) / 1000
    m = (p + q) / 2
    divergence = sum(a * math.log2(a / c) for a, c in zip([*p, *q], [*m, *m], strict=True) if a > 0) / 2
    assert found.distance == pytest.approx(math.sqrt(divergence), abs=1e-4)
    assert found.low < found.distance < found.high and found.low > 0.15


def test_noise_alone_is_not_called_a_shift_and_the_interval_keeps_none_in():
    rng = np.random.default_rng(5)
    shape = np.array([30, 60, 90, 60, 30, 15, 10, 5])
    own, rest = (np.rint(n * shape + 12 * rng.standard_normal(8)).astype(int).tolist() for n in (1, 3))
    found = shift(own, rest, sd=12.0)
    assert found.distance > 0.03 and not found.shifted and found.low == 0


def test_intensities_that_were_scaled_at_one_site_are_found_through_the_noise():
    """Phantoms of one kind; at one site the scanner is 40 % brighter."""
    source = PhantomSource(patients=900, n_sites=3, px=16)
    data = {info.code: source.load(info.code) for info in source.sites()}
    bright = sorted(data)[0]
    data[bright] = replace(data[bright], x=np.clip(data[bright].x * 1.4, 0, 1))
    channel = data[bright].feature_names[0]
    question = Question.within((f"{channel}: mean",), epsilon=1.0, delta=1e-5)
    tables = {s: noised(exact(d, question.features), question, KeyedStream(n)) for n, (s, d) in enumerate(data.items())}
    patients = {site: found.n_patients for site, found in data.items()}
    by_site = {one.site: one for one in feature_shift.compare(tables, patients, question.features,
        noise_sd=question.noise_sd)}  # fmt: skip
    assert by_site[bright].shifted and by_site[bright].moved > 0
    assert by_site[bright].distance == max(one.distance for one in by_site.values())
