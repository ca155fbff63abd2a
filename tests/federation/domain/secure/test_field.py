from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.secure.field import MODULI, Field, Quantiser
from federation.domain.secure.masks import MaskedSum, Stream

SEED = bytes(range(32))


@pytest.mark.parametrize(("bits", "modulus"), MODULI.items())
def test_moduli_are_the_largest_primes_of_their_width(bits, modulus):
    assert all(modulus % n for n in range(2, int(modulus**0.5) + 1))
    assert all(any(m % n == 0 for n in range(2, int(m**0.5) + 1)) for m in range(modulus + 1, 2**bits))


def test_by_hand():
    quantiser = Quantiser(Field(16), clip=1.0, parties=10)
    assert quantiser.levels == 3276
    assert quantiser.encode(np.array([0.0, 1.0, -1.0, 5.0, 0.4 / 3276])).tolist() == [0, 3276, 65521 - 3276, 3276, 0]
    assert quantiser.decode(np.array([0, 3276, 65521 - 3276], dtype=np.uint32)).tolist() == [0.0, 1.0, -1.0]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(MODULI)),
    st.integers(1, 40),
    st.floats(1e-6, 1e6),
    st.lists(st.floats(-2, 2), min_size=1, max_size=20),
    st.booleans(),
)
def test_the_sum_of_all_parties_never_wraps_and_is_right_to_a_step_each(bits, parties, clip, shares, stochastic):
    quantiser = Quantiser(Field(bits), clip=clip, parties=parties)
    values = np.array(shares) * clip
    total = MaskedSum(np.zeros(len(values), dtype=np.uint32), quantiser.field)
    for _ in range(parties):
        drawn = Stream(SEED).uniforms(len(values)) if stochastic else None
        total.add(quantiser.encode(values, uniforms=drawn))
    expected = parties * np.clip(values, -clip, clip)
    off = np.abs(quantiser.decode(total.reduced()) - expected).max()
    assert off <= parties * quantiser.step * ((1 if stochastic else 0.5) + 1e-6)


def test_stochastic_rounding_is_right_in_the_mean():
    quantiser = Quantiser(Field(12), clip=1.0, parties=100)  # 20 levels
    values = np.full(200_000, 0.512)
    uniforms = Stream(SEED).uniforms(len(values))
    mean = quantiser.decode(quantiser.encode(values, uniforms=uniforms)).mean()
    assert abs(mean - 0.512) < 5 * quantiser.step / np.sqrt(len(values))


@pytest.mark.parametrize("bits", MODULI)
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_packing_is_reversible_and_takes_the_stated_bytes(bits, count):
    field = Field(bits)
    elements = Stream(SEED).elements(count, field)
    packed = field.pack(elements)
    assert packed.nbytes == (3 * ((count + 1) // 2) if bits == 12 else count * bits // 8)
    assert field.unpack(packed, count).tolist() == elements.tolist()


@pytest.mark.parametrize("bits", MODULI)
def test_what_is_no_element_is_refused(bits):
    field = Field(bits)
    packed = field.pack(np.array([1, 2], dtype=np.uint32))
    for wrong, count in [(packed[:-1], 2), (packed, 3 if bits != 12 else 5), (packed.astype(np.float32), 2)]:
        with pytest.raises(ValueError, match="expected"):
            field.unpack(wrong, count)
    with pytest.raises(ValueError, match="under"):
        field.unpack(np.full_like(packed, np.iinfo(packed.dtype).max), 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="finite"):
        Quantiser(Field(16), clip=1.0, parties=2).encode(np.array([0.0, value]))


@pytest.mark.parametrize(("bits", "clip", "parties"), [(16, 0, 2), (16, np.nan, 2), (12, 1, 4093), (16, 1, 0)])
def test_quantisers_that_cannot_be_are_refused(bits, clip, parties):
    with pytest.raises(ValueError, match="expected"):
        Quantiser(Field(bits), clip=clip, parties=parties)


def test_a_field_of_another_width_is_refused():
    with pytest.raises(ValueError, match="12 or 16 or 32"):
        Field(8)
