from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from federation.domain.data.dataset import LoadReport, SiteData, Task
from federation.domain.group_rates import merge
from federation.domain.learning.calibration import calibration_errors
from federation.domain.learning.distances import distance_shares
from federation.domain.learning.evaluation import (
    AnswersNotFinite,
    cells,
    evaluate,
    placements,
    predict,
    segmentation_metrics,
)
from federation.domain.models.base import Model
from federation.domain.models.registry import build, default_specs


class Oracle(Model):
    """Answers with its input: the logit is in the data."""

    task: ClassVar[Task] = "classification"

    def __init__(self):
        super().__init__({"kind": "oracle"})

    def forward(self, x):
        return x[:, 0]

    def represent(self, x):
        return torch.stack([torch.tanh(x.flatten(1).mean(1))] * 4, 1)


class Painter(Oracle):
    task: ClassVar[Task] = "segmentation"


def site(x, y, patient_index, task):
    n = int(max(patient_index)) + 1
    return SiteData(
        site="toy",
        task=task,
        record_ids=tuple(f"p{i}" for i in range(n)),
        x=np.asarray(x, dtype=np.float32),
        y=np.asarray(y),
        patient_index=np.asarray(patient_index, dtype=np.int64),
        groups={"sex": np.array(["female", "male"] * n)[:n]},
        feature_names=(),
        report=LoadReport(n, n),
    )


def four_rows():
    """A hit, a false alarm, a correct rejection and a miss."""
    return site([[3.0], [1.0], [-2.0], [-1.0]], [1, 0, 0, 1], [0, 1, 2, 3], "classification")


def blank(value, slices=1):
    return np.full((slices, 1, 4, 4), value)


def painted():
    """Patients of 4x4 slices: perfect, missed, healthy and silent, healthy and flagged, and one of two slices."""
    square, pixel = np.zeros((4, 4), dtype=np.uint8), np.zeros((4, 4), dtype=np.uint8)
    square[:2, :2], pixel[0, 0] = 1, 1
    nothing = np.zeros((4, 4), dtype=np.uint8)
    truth = [square, square, nothing, nothing, square, square]
    drawn = [square, nothing, nothing, pixel, square, nothing]
    logits = [[4.0 * mask - 2.0] for mask in np.asarray(drawn, dtype=float)]
    return site(logits, truth, [0, 1, 2, 3, 4, 4], "segmentation")


def test_distances_are_measured_where_there_are_two_outlines():
    found = evaluate(Painter(), painted(), last=True)
    # Of the last patient's surface a half is one slice away, in a volume of 2 x 4 x 4.
    nan = np.nan
    np.testing.assert_allclose(found.metrics["hd95"], [0, nan, nan, nan, 1 / np.sqrt(1 + 9 + 9)], rtol=1e-6)
    (female, male) = cells("toy", found, painted().groups)
    assert (female.metrics["hd95"].n, female.n, male.metrics["hd95"].n, male.n) == (2, 3, 0, 2)
    assert "hd95" not in evaluate(Painter(), painted()).metrics
    assert "hd95" not in evaluate(Oracle(), four_rows(), last=True).metrics


def test_ranks_by_hand_and_as_scikit_learns_area():
    truth, score = np.array([1, 0, 1, 0], dtype=bool), np.array([0.8, 0.3, 0.3, 0.1])
    np.testing.assert_array_equal(placements(truth, score), [1, np.nan, 0.75, np.nan])
    assert np.isnan(placements(np.ones(3, dtype=bool), np.arange(3.0))).all()  # nobody to rank against
    assert np.isnan(placements(np.zeros(3, dtype=bool), np.arange(3.0))).all()
    rng = np.random.default_rng(2)
    truth, score = rng.random(400) < 0.3, rng.integers(0, 20, 400) / 20  # many ties
    assert np.nanmean(placements(truth, score)) == pytest.approx(roc_auc_score(truth, score))


def test_a_classifier_is_ranked_and_calibrated_after_the_last_round_alone():
    rng = np.random.default_rng(4)
    data = site(rng.normal(0, 2, (40, 1)), np.arange(40) % 4 == 0, range(40), "classification")
    found = evaluate(Oracle(), data, last=True)
    assert found.metrics["brier"].mean() == pytest.approx(brier_score_loss(found.truth, found.score))
    assert np.nanmean(found.metrics["auc"]) == pytest.approx(roc_auc_score(found.truth, found.score))
    summed = [cell.metrics for cell in cells("toy", found, data.groups)]
    assert sum(one["auc"].n for one in summed) == found.truth.sum()
    assert sum(one["brier"].n for one in summed) == data.n_patients
    assert not {"auc", "brier"} & set(evaluate(Oracle(), data).metrics)
    # Two ill among two healthy: each could be placed by the others' mean.
    assert np.isnan(evaluate(Oracle(), four_rows(), last=True).metrics["auc"]).all()


def test_calibration_of_pixels_by_hand():
    truth = np.array([[[1, 1, 0, 0]], [[1, 0, 0, 0]], [[0, 0, 0, 0]]], dtype=bool)
    said = np.array([[[0.95, 0.95, 0.45, 0.001]], [[0.75, 0.25, 0.25, 0.25]], [[0.0, 0.0, 0.0, 0.0]]])
    # Patient 0: bin of 0.95: 1.9 said, 2 true; bin of 0.45: 0.45 said, 0 true; the last pixel does not count.
    # Patient 1: calibrated but for the bins' width: 0.75 said and 1 true, three times 0.25 said and 0 true.
    found = calibration_errors(truth, said, np.array([0, 1, 2]), 3)
    np.testing.assert_allclose(found, [(0.1 + 0.45) / 3, (0.25 + 0.75) / 4, np.nan])
    # Ten slices of one patient are one patient, and what is calibrated is 0.
    share = np.repeat([[[0.25]], [[0.75]]], 100, axis=0)
    lesion = np.arange(200).reshape(200, 1, 1) % 4 < np.where(np.arange(200) < 100, 1, 3).reshape(200, 1, 1)
    assert calibration_errors(lesion, share, np.zeros(200, dtype=int), 1).tolist() == [pytest.approx(0)]
    assert calibration_errors(truth[:1], 1.0 - truth[:1], np.array([0]), 1).tolist() == [1]


def test_calibration_is_that_of_scikit_learns_curve():
    rng = np.random.default_rng(1)
    said = rng.uniform(0.02, 1, (3, 8, 8))
    truth = rng.random((3, 8, 8)) < said**2
    true, mean = calibration_curve(truth.ravel(), said.ravel(), n_bins=10)
    held = np.histogram(said, bins=10, range=(0, 1))[0]
    theirs = (np.abs(true - mean) * held[held > 0]).sum() / said.size
    assert calibration_errors(truth, said, np.zeros(3, dtype=int), 1)[0] == pytest.approx(theirs)


def test_pixels_are_called_what_they_are_once_the_last_round_is_scored():
    found = evaluate(Painter(), painted(), last=True).metrics["calibration_error"]
    assert found.shape == (5,) and np.isfinite(found).all() and found.min() > 0 and found.max() < 1
    assert "calibration_error" not in evaluate(Painter(), painted()).metrics


def test_the_largest_distance_is_one():
    truth, mask = np.zeros((2, 3, 4, 4), bool), np.zeros((2, 3, 4, 4), bool)
    truth[0, 0, 0, 0] = mask[1, 2, 3, 3] = True
    assert distance_shares(truth, mask, np.array([0, 0]), 1).tolist() == [pytest.approx(1)]
    assert distance_shares(truth[:1, 0], truth[:1, 0], np.array([0]), 1).tolist() == [0]


def test_classification_metrics_are_defined_for_whom_they_mean_something():
    outcomes = evaluate(Oracle(), four_rows())
    nan = np.nan
    np.testing.assert_array_equal(outcomes.metrics["tpr"], [1, nan, nan, 0])
    np.testing.assert_array_equal(outcomes.metrics["fpr"], [nan, 1, 0, nan])
    np.testing.assert_array_equal(outcomes.metrics["accuracy"], [1, 0, 1, 0])
    np.testing.assert_array_equal(outcomes.metrics["selection_rate"], [1, 1, 0, 0])
    assert outcomes.truth.tolist() == [True, False, False, True]
    assert outcomes.flagged.tolist() == [True, True, False, False]
    assert outcomes.stratum.tolist() == [1, 0, 0, 1]
    assert outcomes.score == pytest.approx(1 / (1 + np.exp([-3, -1, 2, 1])), abs=1e-6)


def test_segmentation_metrics_are_those_of_the_patients_volume():
    outcomes = evaluate(Painter(), painted())
    nan = np.nan
    np.testing.assert_allclose(outcomes.metrics["dice"], [1, 0, nan, 0, 2 * 4 / (8 + 4)])
    np.testing.assert_allclose(outcomes.metrics["tpr"], [1, 0, nan, nan, 0.5])
    np.testing.assert_allclose(outcomes.metrics["fpr"], [0, 0, 0, 1 / 16, 0])
    np.testing.assert_allclose(outcomes.metrics["selection_rate"], [1, 0, 0, 1, 1])
    assert outcomes.truth.tolist() == [True, True, False, False, True]
    assert outcomes.flagged.tolist() == [True, False, False, True, True]
    assert outcomes.stratum.tolist() == [2, 2, 0, 0, 2]
    assert outcomes.representation.shape == (5, 4)


def test_a_small_lesion_has_a_stratum_of_its_own():
    truth = np.zeros((1, 16, 16), dtype=np.uint8)
    truth[0, :2, :3] = 1  # 6 of 256 pixels: 2.3 %
    assert evaluate(Painter(), site(np.zeros((1, 1, 16, 16)), truth, [0], "segmentation")).stratum.tolist() == [1]


def test_dice_agrees_with_monai():
    from monai.metrics import compute_dice

    rng = np.random.default_rng(0)
    truth, mask = rng.random((6, 8, 8)) > 0.7, rng.random((6, 8, 8)) > 0.6
    theirs = compute_dice(torch.tensor(mask)[:, None].float(), torch.tensor(truth)[:, None].float())[:, 0]
    mine = segmentation_metrics(truth, mask, np.arange(6), 6)["dice"]
    np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-6)


def test_a_patient_without_a_healthy_pixel_has_no_false_positive_rate():
    full = np.ones((1, 4, 4), dtype=bool)
    metrics = segmentation_metrics(full, full, np.array([0]), 1)
    assert np.isnan(metrics["fpr"][0])
    assert metrics["dice"][0] == metrics["tpr"][0] == 1


def test_a_patients_representation_is_the_mean_of_his_slices():
    data = site(np.concatenate([blank(0.5), blank(-0.5), blank(1.0)]), np.zeros((3, 4, 4)), [1, 1, 0], "segmentation")
    got = evaluate(Painter(), data).representation
    np.testing.assert_allclose(got, [[np.tanh(1.0)] * 4, [0] * 4], atol=1e-6)


def test_only_counts_leave_the_site():
    data = four_rows()
    counted = cells("toy", evaluate(Oracle(), data), data.groups)
    by_sex = merge(counted, ["sex"], "tpr")
    assert by_sex[("female",)].mean == 1
    assert by_sex[("male",)].mean == 0
    assert [cell.confusion for cell in counted] == [
        {"tp": 1, "fp": 0, "tn": 1, "fn": 0},
        {"tp": 0, "fp": 1, "tn": 0, "fn": 1},
    ]


def test_a_prediction_carries_its_label_and_confidence():
    answer = predict(Oracle(), np.array([[0.0], [2.0], [-2.0]], dtype=np.float32), "classification")
    sure = 1 / (1 + np.exp(-2.0))
    assert answer.probability == pytest.approx([0.5, sure, 1 - sure])
    assert answer.label.tolist() == [True, True, False]
    assert answer.confidence == pytest.approx([0.5, sure, sure])


def test_the_confidence_of_a_mask_is_the_mean_probability_within():
    logits = np.full((2, 1, 4, 4), -3.0, dtype=np.float32)
    logits[0, 0, 0, :2] = [1.0, 3.0]
    answer = predict(Painter(), logits, "segmentation")
    low, high = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(-3.0))
    assert answer.label.sum(axis=(1, 2)).tolist() == [2, 0]
    assert answer.confidence == pytest.approx([(low + high) / 2, high], abs=1e-6)


def test_many_rows_are_answered_in_the_order_of_asking():
    x = np.linspace(-3, 3, 300, dtype=np.float32)[:, None]
    assert np.all(np.diff(predict(Oracle(), x, "classification").probability) > 0)


def test_evaluating_first_does_not_hinder_training_later():
    """Tensors made in inference mode cannot be trained through; none may be kept by the model."""
    model = build(default_specs("classification", 1)[0])
    evaluate(model, four_rows())
    model(torch.zeros(2, 1)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("spec", default_specs("classification", 3), ids=["hybrid", "twin"])
def test_answers_that_are_no_numbers_are_refused_alike_whichever_model_gives_them(spec):
    model, data = build(spec), site(np.ones((2, 3)), [1, 0], [0, 1], "classification")
    with torch.no_grad():
        next(model.parameters()).fill_(np.nan)
    with pytest.raises(AnswersNotFinite, match=r"patients of toy, got NaN or infinity\."):
        evaluate(model, data)


def test_a_pixel_that_is_no_number_is_refused():
    class Blind(Painter):
        def forward(self, x):
            logits = x[:, 0].clone()
            logits[0, 0, 0] = np.nan
            return logits

    assert np.isnan(predict(Blind(), painted().x, "segmentation").probability).sum() == 1  # a gateway tells the case
    with pytest.raises(AnswersNotFinite, match="smaller learning rate"):
        evaluate(Blind(), painted())


def test_a_model_is_scored_as_it_answers_and_left_as_it_was():
    spec = {**default_specs("segmentation", 1)[0], "views": 2}
    model, rng = build(spec, seed=3), np.random.default_rng(0)
    data = site(rng.random((2, 1, 32, 32)), rng.integers(0, 2, (2, 32, 32)), [0, 1], "segmentation")
    model.core.eval()  # one part answers already
    before = [module.training for module in model.modules()]
    learning = predict(model, data.x, data.task).probability, evaluate(model, data).score
    assert [module.training for module in model.modules()] == before
    answering = predict(model.eval(), data.x, data.task).probability, evaluate(model, data).score
    np.testing.assert_array_equal(learning[0], answering[0])
    np.testing.assert_array_equal(learning[1], answering[1])


def test_whatever_is_asked_of_a_model_is_asked_where_its_weights_are():
    asked = []

    class Elsewhere(Oracle):
        device = torch.device("meta")

        def forward(self, x):
            asked.append(x.device)
            return torch.zeros(len(x))

        def represent(self, x):
            return self.forward(x)[:, None].expand(-1, 4)

    evaluate(Elsewhere(), four_rows())
    assert asked == [Elsewhere.device] * 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_inputs_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="1 NaN or infinite"):
        predict(Oracle(), np.array([[bad], [0.0]], dtype=np.float32), "classification")


def test_a_model_is_not_asked_for_another_task():
    with pytest.raises(ValueError, match="expected a model for segmentation, got one for classification"):
        predict(Oracle(), np.zeros((1, 1, 32, 32), dtype=np.float32), "segmentation")
