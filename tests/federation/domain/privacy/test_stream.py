import numpy as np
import pytest

from federation.domain.privacy.stream import KeyedStream


def test_a_stream_repeats_with_its_key_and_with_no_other():
    first, same, other = KeyedStream(2**200 + 1), KeyedStream(2**200 + 1), KeyedStream(2**200 + 2)
    a, b = first.uniforms(5), first.uniforms(5)
    assert np.array_equal(a, same.uniforms(5))
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, other.uniforms(5))
    assert a.min() >= 0
    assert a.max() < 1
    assert [len(first.normals(size)) for size in (0, 1, 2, 5)] == [0, 1, 2, 5]


def test_a_negative_key_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        KeyedStream(-1)


def test_fresh_streams_have_keys_of_their_own():
    assert not np.array_equal(KeyedStream.fresh().uniforms(4), KeyedStream.fresh().uniforms(4))
