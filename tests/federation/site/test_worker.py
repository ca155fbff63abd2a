"""What a site does with an order: signed only, once only, and nothing but sums and weights leave it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from federation.domain import messages
from federation.domain.learning import weights
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.evaluation import RecordOutcomes, segmentation_metrics
from federation.domain.messages import Message, digest
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import RunConfig
from federation.domain.twin_comparison import task_scores
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.postbox import Recorder, carry_out


@pytest.fixture
def coordinator():
    return messages.new_key()


@pytest.fixture
def site(tmp_path, coordinator):
    config = SiteConfig("phantom-1", "phantom:?patients=40&sites=2", messages.dump_public(coordinator), "unix:///none")
    return Site(SiteHome.create(tmp_path / "site", config))


def run_config(site: Site) -> RunConfig:
    primary, baseline = default_specs("segmentation", 1)
    return RunConfig(
        task="segmentation", models={"primary": primary, "baseline": baseline}, rounds=1, seed=3,
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
        data_digests={"phantom-1": digest(site.manifest)},
    )  # fmt: skip


def order(kind: str, config: RunConfig, *, recipient: str = "phantom-1", config_hash: str = "") -> Message:
    body = {"run": "r", "round": 1, "config": config.as_dict(), "config_hash": config_hash or config.hash}
    files = {name: weights.to_bytes(weights.state_of(build(spec, seed=1))) for name, spec in config.models.items()}
    return Message(kind, "coordinator", recipient, f"r:1:{kind}", body, files)


def answer_to(site: Site, text: str) -> Message | None:
    postbox = Recorder()
    carry_out(site, postbox, text)
    if not postbox.sent:
        return None
    return messages.unseal(postbox.sent[0], sender="phantom-1", public_key=messages.dump_public(site.home.key))[0]


def test_a_training_order_is_answered_with_signed_finite_weights(site, coordinator):
    config = run_config(site)
    answer = answer_to(site, messages.seal(order("train", config), coordinator))
    assert answer is not None and answer.ok
    for name, spec in config.models.items():
        weights.from_bytes(answer.attachments[name], like=spec)
    assert answer.body["n_records"] == len(site.splits(3).train.record_ids)


def test_the_same_order_again_gives_the_same_answer_without_training_again(site, coordinator):
    sealed = messages.seal(order("train", run_config(site)), coordinator)
    first, second = Recorder(), Recorder()
    carry_out(site, first, sealed)
    carry_out(site, second, sealed)
    assert first.sent == second.sent


@pytest.mark.parametrize("number", [0, 2, True, "1", None])
def test_a_round_that_the_run_does_not_have_is_refused(site, coordinator, number):
    asked = order("train", run_config(site))
    asked.body["round"] = number
    answer = answer_to(site, messages.seal(asked, coordinator))
    assert answer is not None and not answer.ok
    assert "expected the number of a round from 1 to 1" in answer.body["error"]


def test_an_order_of_a_stranger_or_for_another_site_is_not_answered(site, coordinator):
    config = run_config(site)
    assert answer_to(site, messages.seal(order("train", config), messages.new_key())) is None
    assert answer_to(site, messages.seal(order("train", config, recipient="phantom-2"), coordinator)) is None
    assert answer_to(site, "not json") is None


@pytest.mark.parametrize("fault", ["hash", "data"])
def test_an_order_that_was_not_consented_to_is_refused_in_words(site, coordinator, fault):
    config = run_config(site)
    if fault == "data":
        config = RunConfig.from_dict({**config.as_dict(), "data_digests": {"phantom-1": "0" * 64}})
    sealed = messages.seal(order("train", config, config_hash="0" * 64 if fault == "hash" else ""), coordinator)
    answer = answer_to(site, sealed)
    assert answer is not None and not answer.ok
    assert "consent" in answer.body["error"]
    assert not answer.attachments


def test_what_leaves_the_site_names_no_patient(site, coordinator):
    answer = answer_to(site, messages.seal(order("evaluate", run_config(site)), coordinator))
    assert answer is not None
    text = json.dumps(answer.body)
    assert not any(record in text for record in site.data.record_ids)
    assert set(answer.body) == {"cells", "n_records", "paired", "seconds"}


def test_the_pairs_that_a_site_sends_say_which_model_is_better(site, coordinator):
    """One model marks every pixel and the other none: only the first overlaps with a lesion."""
    config, data = run_config(site), site.splits(3).validation
    asked = order("evaluate", config)
    for name, bias in (("primary", 1000.0), ("baseline", -1000.0)):
        model = build(config.models[name], seed=1)
        with torch.no_grad():
            model.head.bias.fill_(bias)
        asked.attachments[name] = weights.to_bytes(weights.state_of(model))
    answer = answer_to(site, messages.seal(asked, coordinator))
    assert answer is not None and answer.ok
    dice = []
    for patient in range(data.n_patients):
        marked = data.y[data.patient_index == patient]
        if marked.any():  # who has no lesion has no Dice, and is no pair
            dice.append(2 * marked.sum() / (marked.sum() + marked.size))
    assert dice
    first, squares = sum(dice), sum(value**2 for value in dice)
    assert answer.body["paired"] == pytest.approx([len(dice), first, 0, squares, squares, 0, len(dice), 0], abs=1e-4)


def test_who_has_no_lesion_is_no_pair():
    some, none = np.zeros((2, 4, 4), dtype=bool), np.zeros((2, 4, 4), dtype=bool)
    some[:, :2] = True
    outcomes = RecordOutcomes(
        "segmentation", ("a", "b"), np.ones(2), np.array([True, False]), np.ones(2, dtype=bool), np.zeros(2, dtype=int),
        np.zeros((2, 4), dtype=np.float32),
        segmentation_metrics(np.concatenate([some, none]), np.ones((4, 4, 4), dtype=bool), np.array([0, 0, 1, 1]), 2),
    )  # fmt: skip
    assert task_scores(outcomes).tolist() == pytest.approx([2 / 3])
