import numpy as np
import pytest

from audits.domain.explain.conclusion import SiteExplanation, combine
from audits.domain.explain.lime_image import ImageSettings, explain_images, lesion_score, segment
from audits.domain.verdict import Verdict

GRID = ImageSettings(segmenter="grid", parts=16, samples=80, seeds=3, top=2)


def phantoms(n=4, size=32):
    """Dim noise with one bright square lesion each, and a bright tag in the corner."""
    rng = np.random.default_rng(0)
    images = rng.normal(0.2, 0.02, (n, 1, size, size)).clip(0, 1).astype(np.float32)
    lesions = np.zeros((n, size, size), dtype=bool)
    for i in range(n):
        y, x = 8 * rng.integers(1, 3, 2)
        lesions[i, y : y + 8, x : x + 8] = True
        images[i, 0][lesions[i]] = 0.9
        images[i, 0, :4, :4] = 0.95
    return images, lesions


def reads_lesion(batch):
    return (batch[:, 0, 8:, 8:] > 0.7).mean(axis=(1, 2)) / 0.12


def reads_tag(batch):
    return (batch[:, 0, :4, :4] > 0.7).mean(axis=(1, 2))


def knows_nothing(batch):
    return np.full(len(batch), 0.5)


def explain(predict, **options):
    images, lesions = phantoms()
    return explain_images(predict, images, **({"lesions": lesions, "settings": GRID, "seed": 0} | options))


def concluded(predict, control=knows_nothing):
    blind = explain(control, scores_only=True)
    return combine({"a": SiteExplanation.of("image", explain(predict), {"weights": blind, "labels": blind})})


def test_a_model_that_reads_the_lesion_passes():
    result = concluded(reads_lesion)
    assert result.verdict is Verdict.PASS
    assert result.lesion_mass.mean > 0.8
    assert result.control.mean == 0.0


def test_a_model_that_reads_a_tag_scores_high_but_does_not_pass():
    result = concluded(reads_tag)
    assert result.rcf.mean > 80
    assert result.lesion_mass.mean < 0.1
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_model_that_knows_nothing_fails():
    assert concluded(knows_nothing).verdict is Verdict.FAIL


def test_a_control_that_explains_as_well_takes_the_pass_away():
    result = concluded(reads_lesion, control=reads_tag)
    assert result.control.mean > 80
    assert result.verdict is Verdict.INCONCLUSIVE


def test_the_same_seed_gives_the_same_scores():
    assert explain(reads_lesion) == explain(reads_lesion)


def test_a_control_that_does_not_react_is_not_explained_further():
    seen = []
    rows = explain(lambda batch: seen.append(len(batch)) or knows_nothing(batch), scores_only=True)
    assert [row.rcf for row in rows] == [0.0] * 4 and sum(seen) == 4 * 2


def test_answers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        explain(lambda batch: np.full(len(batch), np.nan))


def test_the_model_is_called_a_bounded_number_of_times():
    seen = []

    def counting(batch):
        seen.append(len(batch))
        return reads_lesion(batch)

    explain(counting)
    assert sum(seen) == 4 * (3 * 80 + 3 + 8)
    assert max(seen) <= GRID.batch


@pytest.mark.parametrize("segmenter", ["grid", "slic"])
def test_parts_are_numbered_without_gaps_and_there_are_enough(segmenter):
    images, _ = phantoms(1)
    parts = segment(images[0], ImageSettings(segmenter=segmenter, parts=25, samples=100))
    assert parts.shape == (32, 32)
    assert np.array_equal(np.unique(parts), np.arange(parts.max() + 1))
    assert 8 <= parts.max() + 1 <= 40


def test_lesion_score_is_the_mean_of_the_most_suspicious_pixels():
    probability = np.zeros((2, 10, 10))
    probability[0, 0, :2] = (0.8, 0.6)
    assert lesion_score(probability, fraction=0.02) == pytest.approx([0.7, 0.0])
    with pytest.raises(ValueError, match="fraction"):
        lesion_score(probability, fraction=0.0)


def test_shapes_and_settings_that_do_not_fit_are_refused():
    images, lesions = phantoms()
    with pytest.raises(ValueError, match="expected images"):
        explain_images(reads_lesion, images, lesions=lesions[:1], seed=0)
    with pytest.raises(ValueError, match="segmenter"):
        ImageSettings(segmenter="quickshift")
    with pytest.raises(ValueError, match="samples"):
        ImageSettings(parts=64, samples=100)
