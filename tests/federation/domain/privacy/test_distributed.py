"""Sums over simulated sites: the noise in them is what was accounted, and below the quorum there is no sum."""

import math
from dataclasses import replace

import numpy as np
import pytest

from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.distributed import (
    QuorumLost,
    into_field,
    mean_gradient,
    noised,
    out_of_field,
    quantised,
    require_quorum,
    require_room,
    share_variance,
)
from federation.domain.privacy.stream import KeyedStream

MODULUS = 2**40 - 87
CONFIG = PrivacyConfig(
    regime="distributed", epsilon=1.0, delta=1e-5, clip=0.5, noise_multiplier=4.0, sample_rate=0.1, quorum=4,
    colluding=1, levels=2**12, parameters=20_000,
)  # fmt: skip


def sum_over(sites, config=CONFIG, size=20_000, clipped=0.25):
    """What the aggregator unmasks, in units of the clipping norm; each site sends the same sum of gradients."""
    total = np.zeros(size, dtype=np.int64)
    for site in range(sites):
        update = into_field(quantised(np.full(size, -clipped), config, stream=KeyedStream(100 + site)), MODULUS)
        total = (total + noised(update, config, modulus=MODULUS, stream=KeyedStream(site))) % MODULUS
    return out_of_field(total, MODULUS) / config.levels


@pytest.mark.parametrize("sites", [4, 6])
def test_the_noise_in_a_sum_is_what_was_accounted_with_colluding_sites_taken_out(sites):
    found = sum_over(sites)
    # Each share has variance 16 / 3. Four sites, one of which knows its own share: 3 * 16 / 3 is left, as accounted.
    assert found.mean() == pytest.approx(-0.5 * sites, abs=0.15)
    assert found.var() == pytest.approx(sites * 16 / 3, rel=0.05)
    assert (CONFIG.quorum - CONFIG.colluding) * share_variance(CONFIG) == pytest.approx((4.0 * 2**12) ** 2)


def test_if_all_others_collude_each_site_adds_all_the_noise():
    assert share_variance(replace(CONFIG, colluding=3)) == pytest.approx((4.0 * 2**12) ** 2)


@pytest.mark.parametrize(("survivors", "revealed"), [(5, True), (4, True), (3, False), (0, False)])
def test_below_the_quorum_the_round_is_given_up(survivors, revealed):
    if revealed:
        require_quorum(survivors, CONFIG)
        return
    with pytest.raises(QuorumLost, match=f"at least 4 sites, got {survivors}"):
        require_quorum(survivors, CONFIG)


def test_rounding_is_right_on_average_and_moves_a_value_by_less_than_one_level():
    values = np.full(50_000, 0.5 * 0.3 / 2**12)  # three tenths of a level
    found = quantised(values, CONFIG, stream=KeyedStream(1))
    assert set(found.tolist()) == {0, 1}
    assert found.mean() == pytest.approx(0.3, abs=0.01)


def test_two_sums_within_the_clip_stay_within_what_is_accounted():
    generator = np.random.default_rng(0)
    size = 500
    for key in range(20):
        one = generator.normal(size=size)
        step = generator.normal(size=size)
        other = one + CONFIG.clip * step / np.linalg.norm(step)
        moved = quantised(one, CONFIG, stream=KeyedStream(key)) - quantised(other, CONFIG, stream=KeyedStream(key))
        assert np.linalg.norm(moved) <= CONFIG.levels + size**0.5


def test_an_update_is_not_changed_in_place_and_keeps_shape_and_type():
    update = np.arange(6, dtype=np.uint64).reshape(2, 3)
    found = noised(update, CONFIG, modulus=MODULUS, stream=KeyedStream(1))
    assert update.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (found.shape, found.dtype) == ((2, 3), np.uint64)
    assert found.max() < MODULUS


@pytest.mark.parametrize("update", [[-1], [MODULUS]])
def test_a_value_outside_the_field_is_refused(update):
    with pytest.raises(ValueError, match="expected values from 0"):
        noised(np.array(update), CONFIG, modulus=MODULUS, stream=KeyedStream(1))


def test_other_regimes_and_bad_input_are_refused():
    alone = PrivacyConfig("per_site", epsilon=1.0, delta=1e-5, clip=0.5, noise_multiplier=4.0)
    for call in (share_variance, lambda config: require_quorum(9, config)):
        with pytest.raises(ValueError, match="expected the distributed regime, got per_site"):
            call(alone)
    with pytest.raises(ValueError, match="finite"):
        quantised(np.array([np.nan]), CONFIG, stream=KeyedStream(1))


def test_a_field_in_which_a_sum_could_wrap_around_is_refused():
    require_room(CONFIG, patients=1000, sites=5, modulus=2**32)
    # Five shares of variance 16 / 3 levels^2 each, of which 12 standard deviations count.
    noise = math.ceil(12 * math.sqrt(5 * 16 / 3) * 2**12)
    needed = 2 * (1000 * 2**12 + 5 + noise) + 1
    require_room(CONFIG, patients=1000, sites=5, modulus=needed)
    with pytest.raises(ValueError, match=f"1,000 patients x 4,096 levels.*{noise:,} of noise.*at least {needed:,}"):
        require_room(CONFIG, patients=1000, sites=5, modulus=needed - 1)


def test_the_mean_gradient_is_the_sum_over_the_patients_that_are_expected():
    total = into_field(np.array([CONFIG.levels, -2 * CONFIG.levels]), MODULUS)
    # Of 50 patients five are expected: one clip of 0.5 in the sum is 0.1 in the mean.
    assert mean_gradient(total, CONFIG, modulus=MODULUS, patients=50).tolist() == [0.1, -0.2]
    with pytest.raises(ValueError, match="expected patients"):
        mean_gradient(total, CONFIG, modulus=MODULUS, patients=0)
