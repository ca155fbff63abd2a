import json
from typing import Any

import pytest

from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.defaults import default_config, default_rounds, private_config

PLAIN: dict[str, Any] = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "dp": None}
PRIVATE: dict[str, Any] = {**PLAIN, "dp": {"noise_multiplier": 1.5, "max_grad_norm": 0.5, "delta": 1e-5}}


@pytest.mark.parametrize("raw", [PLAIN, PRIVATE])
def test_a_configuration_survives_json(raw):
    config = LocalConfig.from_dict(json.loads(json.dumps(raw)))
    assert config.as_format_1() == raw
    assert LocalConfig.from_dict(config.as_dict()) == config


def test_privacy_is_read_into_its_own_type():
    assert LocalConfig.from_dict(PRIVATE).dp == DPConfig(1.5, 0.5, 1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs to be an integer from 1 to 1000, got 0"),
        ({"epochs": 1.5}, "epochs to be an integer"),
        ({"batch_size": True}, "batch_size to be an integer"),
        ({"learning_rate": 0}, "learning_rate to be a number over 0"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": "0.1"}, "learning_rate"),
        ({"dp": 3}, "dp to be null or an object"),
        ({"dp": {"noise_multiplier": 1.0}}, r"missing \['delta', 'max_grad_norm'\]"),
        ({"dp": {**PRIVATE["dp"], "noise_multiplier": 0}}, "noise_multiplier"),
        ({"dp": {**PRIVATE["dp"], "delta": 1}}, "delta to be a number over 0"),
        ({"schedule": "linear"}, "schedule to be one of constant, cosine, got 'linear'"),
        ({"augment": "warp"}, "augment to be one of none, flips, affine, full"),
        ({"hide": 1}, "hide to be a number from 0 to under 1, got 1"),
        ({"slices": -1}, "slices to be an integer"),
        ({"misses": 0}, "misses to be a number over 0"),
        ({"dp": PRIVATE["dp"], "augment": "flips"}, "no augmentation, hiding, slices or misses with differential"),
        ({"momentum": 0.9}, r"unexpected \['momentum'\]"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(change, message):
    with pytest.raises(ValueError, match=message):
        LocalConfig.from_dict({**PLAIN, **change})


def test_a_missing_key_is_named():
    with pytest.raises(ValueError, match=r"missing \['epochs'\]"):
        LocalConfig.from_dict({key: value for key, value in PLAIN.items() if key != "epochs"})


def test_there_are_defaults_for_both_tasks_and_no_other():
    assert default_config("classification").dp is not None
    assert default_config("segmentation").dp is None
    assert private_config("segmentation").dp is not None
    with pytest.raises(ValueError, match="regression"):
        default_config("regression")  # type: ignore[arg-type]


def test_outlines_of_real_images_start_with_the_rounds_they_were_measured_with():
    assert (default_rounds("segmentation", 64), default_rounds("segmentation", 32)) == (160, 5)
    assert default_rounds("segmentation") == default_rounds("classification", 64) == 5


def test_what_format_1_did_not_know_cannot_be_written_in_it():
    with pytest.raises(ValueError, match="no augment, slices in a run of format 1"):
        LocalConfig(1, 8, 0.01, augment="flips", slices=4).as_format_1()


def test_a_cosine_falls_from_the_whole_rate_to_nearly_nothing():
    config = LocalConfig(1, 8, 0.02, schedule="cosine")
    assert [config.rate_at(share) for share in (0, 0.5)] == pytest.approx([0.02, 0.01])
    assert config.rate_at(0.999) == pytest.approx(0.0002)
    assert LocalConfig(1, 8, 0.02).rate_at(0.9) == 0.02
