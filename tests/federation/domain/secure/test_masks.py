from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.stats import chisquare

from federation.domain.secure import masks
from federation.domain.secure.field import MODULI, Field
from federation.domain.secure.masks import MaskedSum, Stream, derive, pair_secret

SEED = bytes(range(32))
PAIR = {"run": "r", "sites": ("a", "b"), "transcript": (b"key", b"ciphertext")}


@pytest.mark.parametrize("bits", MODULI)
def test_elements_are_uniform_and_repeatable(bits):
    field = Field(bits)
    drawn = Stream(SEED).elements(200_000, field)
    assert drawn.max() < field.modulus
    counts, _ = np.histogram(drawn, bins=64, range=(0, field.modulus))
    widths = np.histogram(np.arange(field.modulus) if bits < 32 else [], bins=64, range=(0, field.modulus))[0]
    expected = widths / widths.sum() * len(drawn) if bits < 32 else None
    assert chisquare(counts, expected).pvalue > 1e-4
    assert drawn.tolist() == Stream(SEED).elements(200_000, field).tolist()
    assert (drawn != Stream(bytes(32)).elements(200_000, field)).mean() > 0.99


def test_words_that_are_no_element_are_passed_over(monkeypatch):
    words = np.array([65535, 5, 65521, 6, 65520, *[7] * 9], dtype="<u2").tobytes()
    stream = Stream(SEED)
    monkeypatch.setattr(stream, "raw", lambda count: words[:count] if count < len(words) else words)
    assert stream.elements(3, Field(16)).tolist() == [5, 6, 65520]


@pytest.mark.parametrize("size", [1, 1000, masks._BLOCK + 3])
def test_a_mask_that_is_added_and_taken_off_leaves_nothing(size):
    field = Field(16)
    values = Stream(bytes(32)).elements(size, field)
    total = MaskedSum(values, field)
    total.mask(SEED, sign=1)
    hidden = total.reduced()
    total.mask(SEED, sign=-1)
    assert (hidden != values).any()
    assert total.reduced().tolist() == values.tolist()


def test_a_pair_secret_depends_on_all_that_it_stands_for():
    base = pair_secret(SEED, **PAIR)
    assert base == pair_secret(SEED, **{**PAIR, "sites": ("b", "a")})
    others = [
        pair_secret(bytes(32), **PAIR),
        pair_secret(SEED, **{**PAIR, "run": "s"}),
        pair_secret(SEED, **{**PAIR, "sites": ("a", "c")}),
        pair_secret(SEED, **{**PAIR, "transcript": (b"keyc", b"iphertext")}),
        pair_secret(SEED, **PAIR, extra=b"from quantum key distribution"),
    ]
    assert len({base, *others}) == 6


def test_purposes_do_not_run_into_each_other():
    assert derive(SEED, "ab", "c") != derive(SEED, "a", "bc")


def test_a_ciphertext_of_another_length_is_refused():
    with pytest.raises(ValueError, match="1088"):
        masks.decapsulate(bytes(64), b"short")


@pytest.mark.parametrize(("bits", "sum_", "uniforms"), [
    (12, "ef4b5d9da39c5a38", "6d8215adb75634d9"),
    (16, "22dfe1377ddde4cd", "6d8215adb75634d9"),
    (32, "50ca20c8d76e0289", "6d8215adb75634d9"),
])  # fmt: skip
def test_the_stream_is_that_of_version_1(bits, sum_, uniforms):
    """Sums of stored runs are opened again years later, so what a seed gives must never change."""
    field = Field(bits)
    values = Stream(bytes(32)).elements(5000, field)
    total = MaskedSum(values, field)
    total.mask(SEED, sign=1)
    total.mask(SEED[::-1], sign=-1)
    total.add(values)
    assert hashlib.sha256(total.reduced().tobytes()).hexdigest()[:16] == sum_
    assert hashlib.sha256(Stream(SEED).uniforms(5000).tobytes()).hexdigest()[:16] == uniforms
    assert Stream(SEED).uniforms(40_000)[:5000].tolist() == Stream(SEED).uniforms(5000).tolist()


@pytest.mark.parametrize("bits", [16, 32])
def test_a_sum_of_more_terms_than_its_integers_hold_does_not_overflow(bits):
    """40,000 terms of the largest element pass 2^31; the field's sum of n times -1 is -n."""
    field = Field(bits)
    largest = np.full(3, field.modulus - 1, dtype=np.uint32)
    total = MaskedSum(largest, field)
    for _ in range(39_999):
        total.add(largest)
    assert total.reduced().tolist() == [field.modulus - 40_000] * 3
