import numpy as np
import pytest

from audits.domain.explain.glass_box import BINS, fit, fit_pixels, pixel_features, pixel_names, shrink
from federation.domain.data.phantom import PhantomSource


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 4))
    return x, (x[:, 0] - x[:, 2] + rng.normal(0, 0.1, n) > 0).astype(int)


def test_it_learns_a_rule_of_single_columns_and_says_which():
    x, y = rows()
    box = fit(x, y, bags=2, seed=0)
    fresh, truth = rows(seed=1)
    assert ((box.probability(fresh) >= 0.5) == truth).mean() > 0.9
    assert set(np.argsort(box.importance)[-2:]) == {0, 2}
    rising, falling = box.shapes[0], box.shapes[2]
    assert rising[-2] > 1 > -1 > rising[1] and falling[1] > 1 > -1 > falling[-2]


def test_the_answer_is_the_sum_of_the_curves():
    x, y = rows()
    box = fit(x, y, bags=1, seed=0)
    place = np.minimum((x * BINS).astype(int), BINS - 1)
    log_odds = box.machine.intercept_[0] + sum(box.shapes[column][place[:, column]] for column in range(4))
    assert np.allclose(box.probability(x), 1 / (1 + np.exp(-log_odds)), atol=1e-9)


def test_steps_lie_at_fixed_values_and_steps_of_few_patients_are_not_shown():
    x, y = rows(60)
    x[:, 3] = 0.1
    x[:2, 3] = 0.9
    box = fit(x, y, bags=1, seed=0)
    assert all(cuts[0].tolist() == (np.arange(1, BINS) / BINS).tolist() for cuts in box.machine.bins_)
    assert np.flatnonzero(np.isfinite(box.shapes[3])).tolist() == [1]


def test_the_same_seed_gives_the_same_machine_and_one_label_none():
    x, y = rows(100)
    one, two = (fit(x, y, bags=2, seed=3).probability(x) for _ in range(2))
    assert np.array_equal(one, two)
    with pytest.raises(ValueError, match="both labels"):
        fit(x, np.zeros(100, dtype=int), bags=1, seed=0)


def test_pixel_features_by_hand():
    images = np.zeros((1, 1, 16, 16), dtype=np.float32)
    images[0, 0, 8:10, 8:10] = 1.0
    found = pixel_features(images, side=8)
    assert found.shape == (1, 8, 8, 3) and found.min() >= 0 and found.max() <= 1
    assert found[0, 4, 4, 0] == 1 and found[0, 4, 4, 1] == 1.0  # brighter than its surroundings by 48/49
    assert found[0, 0, 0].tolist() == pytest.approx([0, 0.5, 1])
    assert pixel_names(("flair",)) == ("flair intensity", "flair against its surroundings", "distance from the middle")
    with pytest.raises(ValueError, match="divides"):
        shrink(images, 5)


def test_bright_lesions_are_marked():
    data = PhantomSource(patients=40, n_sites=1, px=16).load("phantom-1")
    judge = fit_pixels(data.x, data.y, side=16, most=2000, bags=1, rng=np.random.default_rng(0))
    marked, truth = judge.marks(data.x), data.y.astype(bool)
    assert marked.shape == truth.shape
    assert 2 * (marked & truth).sum() / (marked.sum() + truth.sum()) > 0.7
    coarse = fit_pixels(data.x, data.y, side=8, most=500, bags=1, rng=np.random.default_rng(0))
    assert coarse.marks(data.x).shape == truth.shape
    with pytest.raises(ValueError, match="both labels"):
        fit_pixels(data.x, np.zeros_like(data.y), side=8, most=500, bags=1, rng=np.random.default_rng(0))
