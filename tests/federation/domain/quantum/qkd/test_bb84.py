"""The simulated protocol: it has the statistics of its circuit, counts what it says, and an eavesdropper shows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from federation.domain.quantum.qkd import amplification, bb84, cascade
from federation.domain.quantum.qkd.bb84 import KEY_BASIS, NOT_INTERCEPTED, TEST_BASIS, Channel
from federation.domain.quantum.qkd.circuit import chance_of_one

PERFECT = Channel(loss=0, error=0, dark=0)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_fast_simulation_has_the_statistics_of_the_circuit():
    sent = bb84.transmit(Channel(loss=0, error=0, dark=0, intercept=0.6), 200_000, rng=rng(), key_basis_share=0.5)
    bases = (KEY_BASIS, TEST_BASIS)
    for bit, prepared, tapped, read in itertools.product((0, 1), bases, (*bases, NOT_INTERCEPTED), bases):
        these = (sent.bits == bit) & (sent.bases == prepared) & (sent.tapped == tapped) & (sent.measured_bases == read)
        expected, n = chance_of_one(bit, prepared, tapped, read), int(these.sum())
        assert n > 5000
        allowed = 4.5 * np.sqrt(expected * (1 - expected) / n) + 1e-9
        assert abs(sent.measured[these].mean() - expected) <= allowed, (bit, prepared, tapped, read, expected)


def test_the_circuit_says_what_the_textbook_does():
    assert chance_of_one(1, KEY_BASIS, NOT_INTERCEPTED, KEY_BASIS) == pytest.approx(1)
    assert chance_of_one(0, TEST_BASIS, NOT_INTERCEPTED, TEST_BASIS) == pytest.approx(0)
    assert chance_of_one(0, TEST_BASIS, TEST_BASIS, TEST_BASIS) == pytest.approx(0)  # she guessed right: unseen
    assert chance_of_one(0, TEST_BASIS, KEY_BASIS, TEST_BASIS) == pytest.approx(0.5)  # wrong: half of it is error


def test_an_honest_quiet_link_gives_a_long_key():
    session = bb84.run(Channel(), rng=rng())
    assert session.simulated and not session.refusal
    assert session.secure_bits > 20_000 and len(session.key) * 8 == session.secure_bits
    assert session.qber == pytest.approx(0.015, abs=0.004) and session.qber_upper > session.qber
    assert session.detected == pytest.approx(0.8 * session.pulses, rel=0.01)
    assert "key=" not in repr(session)


def test_the_more_is_intercepted_the_shorter_the_key_until_it_dies():
    lengths, rates = [], []
    for strength in (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1):
        session = bb84.run(Channel(intercept=strength), rng=rng(2))
        lengths.append(session.secure_bits)
        rates.append(session.qber)
        assert session.qber == pytest.approx(0.015 + 0.97 * strength / 4, abs=0.012), strength
        assert (session.key == b"") == bool(session.refusal) == (session.secure_bits == 0)
    assert lengths == sorted(lengths, reverse=True) and lengths[0] > lengths[2] > lengths[4] > 0
    assert lengths[5:] == [0, 0, 0] and rates == sorted(rates)


@pytest.mark.parametrize(
    ("channel", "pulses", "says"),
    [
        (Channel(intercept=1), 1 << 16, "listening"),
        (Channel(intercept=0.3), 1 << 16, "no bit is left"),
        (Channel(loss=1, dark=0), 1000, "too few photons"),
        (PERFECT, 1000, "no bit is left"),  # a short session pays for its small sample
    ],
)
def test_a_dead_key_says_why(channel, pulses, says):
    session = bb84.run(channel, rng=rng(), pulses=pulses)
    assert says in session.refusal and session.secure_bits == 0 and session.key == b""


def test_dark_counts_raise_the_error_rate_of_a_lossy_link():
    quiet = bb84.run(Channel(loss=0.99, error=0, dark=0), rng=rng(), pulses=1 << 19)
    noisy = bb84.run(Channel(loss=0.99, error=0, dark=0.002), rng=rng(), pulses=1 << 19)
    assert quiet.qber == 0 and noisy.qber == pytest.approx(0.5 * 0.00198 / 0.01198, abs=0.03)


@pytest.mark.parametrize("wrong", [{"loss": 1.1}, {"error": 0.6}, {"dark": -1}, {"intercept": 2}])
def test_a_channel_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Channel(**wrong)


@pytest.mark.parametrize("qber", [0.0, 0.005, 0.03, 0.1])
def test_cascade_corrects_and_counts_near_the_shannon_limit(qber):
    generator = rng(5)
    reference = generator.integers(0, 2, 20_000, dtype=np.uint8)
    bits = reference ^ (generator.random(20_000) < qber).astype(np.uint8)
    fixed = cascade.correct(reference, bits, qber=max(qber, 1 / 20_000), rng=generator)
    assert (fixed.bits == reference).all() and fixed.flipped == int((bits != reference).sum())
    assert fixed.leaked >= 20_000 * amplification.entropy(qber)
    assert fixed.leaked <= 1.35 * 20_000 * amplification.entropy(max(qber, 0.001))


def test_toeplitz_is_the_matrix_product_by_hand():
    bits, seed = np.array([1, 0, 1], np.uint8), np.array([1, 1, 0, 1], np.uint8)  # rows: 0 1 1 and 1 0 1
    assert amplification.toeplitz(bits, seed, 2).tolist() == [1, 0]
    generator = rng(7)
    bits, seed = generator.integers(0, 2, 501, dtype=np.uint8), generator.integers(0, 2, 700, dtype=np.uint8)
    rows = np.array([seed[i : i + 501][::-1] for i in range(200)], int)
    assert (amplification.toeplitz(bits, seed, 200) == rows @ bits % 2).all()
    with pytest.raises(ValueError, match="expected a seed of 700"):
        amplification.toeplitz(bits, seed[1:], 200)


def test_secure_length_by_hand():
    """n = k = 10,000, no error: mu = sqrt(2/10^4 * 10001/10^4 * ln(4e10)) = 0.0699; h(mu) = 0.3655."""
    assert amplification.deviation(10_000, 10_000, 1e-10) == pytest.approx(0.0699, abs=1e-4)
    kept = amplification.secure_length(10_000, 10_000, qber=0, leaked=0, eps_secret=1e-10, eps_correct=1e-15)
    assert kept == pytest.approx(10_000 * (1 - 0.3655) - 50 - 67.4, abs=3)
    less = amplification.secure_length(10_000, 10_000, qber=0, leaked=100, eps_secret=1e-10, eps_correct=1e-15)
    assert kept - less == 100
    assert amplification.secure_length(100, 100, qber=0.1, leaked=90, eps_secret=1e-10, eps_correct=1e-15) == 0
    with pytest.raises(ValueError, match="expected"):
        amplification.secure_length(0, 1, qber=0, leaked=0, eps_secret=1e-10, eps_correct=1e-15)
