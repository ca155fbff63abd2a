import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.data.dataset import DataError
from federation.domain.data.phantom import PhantomSource, generate


def contrast(data, sex):
    """Mean brightness of the tumours of one sex above that of the middle grey of their own images."""
    rows = (data.groups["sex"] == sex) & data.y.any(axis=(1, 2))
    x, y = data.x[rows, 0], data.y[rows].astype(bool)
    return np.mean(
        [image[mask].mean() - np.median(image[~mask & (image > 0.2)]) for image, mask in zip(x, y, strict=True)]
    )


def test_it_says_that_it_is_synthetic():
    source = PhantomSource(patients=8, n_sites=2)
    assert source.synthetic and "synthetic" in source.title.lower() and "no real patients" in source.title
    assert "synthetic" in source.load("phantom-1").report.notes[0]


def test_patients_are_spread_over_the_sites():
    source = PhantomSource(patients=10, n_sites=4, px=16)
    assert [source.load(site.code).n_patients for site in source.sites()] == [3, 3, 2, 2]


def test_arrays_are_one_slice_a_patient_in_range():
    data = generate("phantom-1", count=12)
    assert data.x.shape == (12, 1, 32, 32) and data.x.dtype == np.float32 and data.y.shape == (12, 32, 32)
    assert data.x.min() >= 0 and data.x.max() <= 1 and set(np.unique(data.y)) == {0, 1}
    assert data.report.found == data.report.used == 12 and len(set(data.record_ids)) == 12


@settings(max_examples=15, deadline=None)
@given(first=st.integers(0, 40), count=st.integers(1, 9), seed=st.integers(0, 2**40), bias=st.floats(0, 1))
def test_a_patient_is_the_same_in_whatever_range_it_is_drawn(first, count, seed, bias):
    whole = generate("phantom-2", count=50, px=16, seed=seed, bias=bias)
    part = generate("phantom-2", first=first, count=count, px=16, seed=seed, bias=bias)
    chosen = slice(first, first + count)
    assert part.record_ids == whole.record_ids[chosen]
    assert np.array_equal(part.x, whole.x[chosen]) and np.array_equal(part.y, whole.y[chosen])
    for name, values in part.groups.items():
        assert np.array_equal(values, whole.groups[name][chosen])


def test_traffic_beyond_the_training_set_is_new_and_from_the_same_stream():
    source = PhantomSource(patients=20, n_sites=2, px=16)
    later = source.generate("phantom-1", first=10, count=5)
    assert not set(later.record_ids) & set(source.load("phantom-1").record_ids)
    assert np.array_equal(later.x, generate("phantom-1", count=15, px=16).x[10:])


def test_seed_and_site_change_the_patients():
    images = [generate(s, count=2, seed=n).x for s, n in (("phantom-1", 7), ("phantom-2", 7), ("phantom-1", 8))]
    assert not np.array_equal(images[0], images[1]) and not np.array_equal(images[0], images[2])


@pytest.mark.parametrize("site", ["phantom-1", "phantom-4"])
def test_groups_are_balanced_and_about_15_percent_have_no_tumour(site):
    data = generate(site, count=400, px=16)
    for values in data.groups.values():
        assert np.unique(values, return_counts=True)[1].tolist() == [200, 200]
    assert 0.10 < 1 - data.y.any(axis=(1, 2)).mean() < 0.20


def test_without_bias_women_and_men_have_the_same_distributions():
    data = generate("phantom-1", count=1200)
    women = data.groups["sex"] == "female"
    for values in (data.y.sum(axis=(1, 2)), data.x.mean(axis=(1, 2, 3)), data.x.std(axis=(1, 2, 3))):
        a, b = values[women].astype(float), values[~women].astype(float)
        standard_error = np.sqrt(a.var() / len(a) + b.var() / len(b))
        assert abs(a.mean() - b.mean()) < 4 * standard_error
    assert contrast(data, "female") == pytest.approx(contrast(data, "male"), rel=0.1)


def test_bias_hides_the_tumours_of_women_and_changes_nothing_else():
    fair, unfair = (generate("phantom-1", count=200, bias=bias) for bias in (0.0, 1.0))
    women = fair.groups["sex"] == "female"
    assert np.array_equal(fair.x[~women], unfair.x[~women]) and np.array_equal(fair.y, unfair.y)
    healthy = ~fair.y.any(axis=(1, 2))
    assert np.array_equal(fair.x[healthy], unfair.x[healthy])
    assert contrast(fair, "female") > 0.25 and contrast(unfair, "female") < 0.05
    halfway = contrast(generate("phantom-1", count=200, bias=0.5), "female")
    assert contrast(unfair, "female") < halfway < contrast(fair, "female")


def test_tumours_are_large_and_bright_enough_for_a_plain_threshold_to_find_most_of_them():
    data = generate("phantom-1", count=200)
    sick = data.y.any(axis=(1, 2))
    axis = np.linspace(-1, 1, 32)
    brain = np.hypot(*np.meshgrid(axis, axis)) < 0.72
    x, y = data.x[sick, 0], data.y[sick].astype(bool)
    found = (x > np.median(x[:, brain], axis=1)[:, None, None] + 0.14) & brain
    dice = 2 * (found & y).sum(axis=(1, 2)) / (found.sum(axis=(1, 2)) + y.sum(axis=(1, 2)))
    assert dice.mean() > 0.75 and y.sum(axis=(1, 2)).min() >= 8


def test_scanners_differ_mildly_between_sites():
    means = [generate(f"phantom-{i}", count=100).x.mean() for i in range(1, 5)]
    assert 0.005 < np.std(means) / np.mean(means) < 0.2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bias": 1.5}, "bias of at least 0 and at most 1, got 1.5"),
        ({"bias": float("nan")}, "bias of at least 0 and at most 1, got nan"),
        ({"px": 8}, "px of at least 16"),
        ({"count": 0}, "count of at least 1"),
        ({"first": -1}, "first of at least 0"),
        ({"seed": -1}, "seed of at least 0"),
    ],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        generate("phantom-1", **({"count": 4} | options))


@pytest.mark.parametrize("site", ["phantom-0", "phantom-", "phantom-5", "north", "PHANTOM-1"])
def test_an_unknown_site_is_refused(site):
    with pytest.raises(DataError, match="expected a site phantom-1"):
        PhantomSource(patients=8, n_sites=4).load(site)
