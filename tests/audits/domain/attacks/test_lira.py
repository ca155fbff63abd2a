"""The likelihood ratio attack: by hand, on Gaussians, on a model that learned by heart and on a private one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from audits.domain.attacks.lira import Shadows, scores, shadow_game
from audits.domain.attacks.shadows import Recipe, statistic, train_shadows
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.models.registry import build

WIDE = {"kind": "mlp_classifier", "inputs": 40, "hidden": 32, "outputs": 4}
BY_HEART = LocalConfig(epochs=150, batch_size=30, learning_rate=0.03)
PRIVATE = LocalConfig(epochs=2, batch_size=30, learning_rate=0.03, dp=DPConfig(4.0, 0.5, 1e-4))


def gaussians(rng: np.random.Generator, *, n: int = 200, count: int = 16, effect: float = 2.0) -> Shadows:
    half = np.array([rng.permutation(n) < n // 2 for _ in range(count // 2)])
    trained_on = np.repeat(half, 2, axis=0)
    trained_on[1::2] = ~trained_on[1::2]
    hardness = rng.normal(0, 3, n)
    return Shadows(hardness + effect * trained_on + rng.normal(size=(count, n)), trained_on)


def test_the_ratio_is_that_of_the_two_densities():
    shadows = Shadows(
        np.array([[2.0, 0.0], [0.0, 2.0], [2.2, 0.2], [0.2, 2.2]]), np.array([[1, 0], [0, 1], [1, 0], [0, 1]], bool)
    )
    found = scores(np.array([2.1, 0.1]), shadows)  # as if the first had been in and the second out
    assert found.online[0] > 0 > found.online[1]
    assert found.online[0] == pytest.approx(-found.online[1])


def test_patients_who_are_hard_for_every_model_are_no_harder_to_tell():
    """Hardness hides membership from a plain threshold; shadows take it out."""
    rng = np.random.default_rng(1)
    shadows = gaussians(rng)
    member = shadows.trained_on[0]
    rest = shadows.without(0)
    plain = roc_auc_score(member, shadows.statistic[0])
    found = scores(shadows.statistic[0], rest)
    assert roc_auc_score(member, found.online) > 0.8 > 0.75 > plain
    assert roc_auc_score(member, found.offline) > plain


def test_level_and_spread_of_the_target_do_not_matter():
    rng = np.random.default_rng(2)
    shadows = gaussians(rng)
    rest, target = shadows.without(0), shadows.statistic[0]
    np.testing.assert_allclose(scores(5 + 0.1 * target, rest).online, scores(target, rest).online, atol=1e-9)


def test_in_the_game_of_shadows_each_patient_counts_once():
    shadows = gaussians(np.random.default_rng(3))
    game = shadow_game(shadows, np.random.default_rng(0))
    assert game.online.shape == game.member.shape == (200,)
    assert roc_auc_score(game.member, game.online) > 0.8


def test_without_an_effect_the_game_is_a_coin():
    areas = []
    for seed in range(20):
        shadows = gaussians(np.random.default_rng(seed), n=100, count=8, effect=0.0)
        game = shadow_game(shadows, np.random.default_rng(seed))
        areas.append(roc_auc_score(game.member, game.online))
    assert abs(np.mean(areas) - 0.5) < 0.05


def test_a_patient_who_is_in_all_shadows_cannot_be_judged():
    with pytest.raises(ValueError, match="more shadows"):
        Shadows(np.zeros((2, 1)), np.ones((2, 1), bool))


def test_the_statistic_is_the_logit_of_the_truth(random_rows):
    data, model = random_rows(8), build(WIDE, seed=1).eval()
    found = statistic(model, data)
    assert found.shape == (8,)
    flipped = statistic(model, replace(data, y=1 - data.y))
    np.testing.assert_allclose(found, -flipped)


def attacked(data, local: LocalConfig, seed: int = 5) -> tuple[float, float]:
    """AUC of the attack on one model trained on half of the patients, and in the game of shadows."""
    rng, recipe = np.random.default_rng(seed), Recipe(WIDE, local, rounds=1)
    member = rng.permutation(data.n_patients) < data.n_patients // 2
    target = recipe.train(data.take(np.flatnonzero(member)), seed=9)
    shadows = train_shadows(recipe, data, count=8, rng=rng)
    game = shadow_game(shadows, rng)
    online = scores(statistic(target, data), shadows).online
    return roc_auc_score(member, online), roc_auc_score(game.member, game.online)


def test_a_model_that_learned_by_heart_is_caught_and_a_private_one_is_not(random_rows):
    data = random_rows(60)
    leaky, leaky_game = attacked(data, BY_HEART)
    private, private_game = attacked(data, PRIVATE)
    assert min(leaky, leaky_game) > 0.8
    assert max(private, private_game) < 0.65


def test_shadows_are_the_same_for_the_same_seed_and_each_patient_is_in_half(random_rows):
    data, recipe = random_rows(11), Recipe(WIDE, PRIVATE, rounds=2)
    one, two = (train_shadows(recipe, data, count=4, rng=np.random.default_rng(3)) for _ in range(2))
    assert (one.statistic == two.statistic).all()
    assert (one.trained_on.sum(axis=0) == 2).all()


@pytest.mark.parametrize(("n", "count"), [(3, 8), (10, 5), (10, 2)])
def test_too_few_patients_or_shadows_are_refused(random_rows, n, count):
    with pytest.raises(ValueError, match="4 patients"):
        train_shadows(Recipe(WIDE, PRIVATE, 1), random_rows(n), count=count, rng=np.random.default_rng(0))
