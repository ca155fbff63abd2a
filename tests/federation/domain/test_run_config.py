"""What is frozen, and that runs of earlier formats keep the hash that was consented to."""

import pytest

from federation.domain.learning.config import LocalConfig
from federation.domain.messages import digest
from federation.domain.run_config import RunConfig
from tests.factories.terms import RAW

# A run as format 1 froze it.
STORED = {
    "format": 1,
    "task": "segmentation",
    "models": {"primary": {"kind": "hybrid_unet"}, "baseline": {"kind": "unet"}},
    "rounds": 3,
    "seed": 7,
    "local": {"epochs": 1, "batch_size": 8, "learning_rate": 0.005, "dp": None},
    "epsilon_budget": None,
    "data_digests": {"north": "0" * 64},
    "strategy": "fedavg",
}


def test_a_run_of_format_1_is_written_as_it_was_and_keeps_its_hash():
    config = RunConfig.from_dict(STORED)
    assert config.as_dict() == STORED and config.hash == digest(STORED)
    assert config.local == LocalConfig(1, 8, 0.005)


def test_a_new_run_freezes_every_setting():
    local = LocalConfig(1, 2, 0.001, schedule="cosine", augment="full", slices=16)
    raw = {**STORED, "format": 2, "local": local.as_dict()}
    config = RunConfig.from_dict(raw)
    assert config.as_dict() == raw and config.local == local
    assert config.hash != RunConfig.from_dict({**raw, "local": {**raw["local"], "augment": "flips"}}).hash


@pytest.mark.parametrize("wrong", [{"format": 3}, {"format": None}, {"rounds": 0}, {"strategy": "average"}])
def test_what_is_not_understood_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        RunConfig.from_dict({**STORED, **wrong})


def test_a_text_without_format_is_refused():
    with pytest.raises(ValueError, match="format 1, 2 or 3, got none"):
        RunConfig.from_dict({key: value for key, value in STORED.items() if key != "format"})


def test_a_part_is_frozen_in_format_3_and_only_there():
    terms = {**RAW, "epsilon": None}
    plain = RunConfig.from_dict({**STORED, "format": 2, "local": LocalConfig(1, 8, 0.005).as_dict()})
    with_terms = RunConfig.from_dict({**plain.as_dict(), "format": 3, "terms": terms})
    assert with_terms.as_dict() == {**plain.as_dict(), "format": 3, "terms": terms}
    assert with_terms.hash != plain.hash
    with pytest.raises(ValueError, match="format 3 exactly"):
        RunConfig.from_dict({**plain.as_dict(), "terms": terms})


def test_terms_name_the_same_privacy_budget_as_the_run():
    local = LocalConfig(1, 8, 0.005).as_dict()
    with pytest.raises(ValueError, match="privacy budget None in the terms too"):
        RunConfig.from_dict({**STORED, "format": 3, "local": local, "terms": RAW})
