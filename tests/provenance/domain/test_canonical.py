"""Canonical JSON against the reference implementation of RFC 8785, and what it refuses."""

import json
import sys
from decimal import Decimal

import numpy as np
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.canonical import MAX_DEPTH, MAX_INTEGER, canonical, encode_floats, parse_canonical
from provenance.domain.errors import CanonicalError

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(keys, v, max_size=4), max_leaves=20)


@given(values)
def test_equals_the_reference_implementation_of_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_reads_back_what_it_wrote(value):
    assert parse_canonical(canonical(value)) == value


def test_keys_are_sorted_and_nothing_is_padded():
    assert canonical({"b": [1, True, None], "a": "é\n\u007f"}) == '{"a":"é\\n\u007f","b":[1,true,null]}'.encode()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [0, {"auc": 0.5}]}, "$.a[1].auc"),
        ({"a": 2**53}, "$.a"),
        (-(2**53), "$"),
        ({"é": 1}, "$"),
        ({1: 1}, "$"),
        (["\ud800"], "$[0]"),
        ({"a": b"bytes"}, "$.a"),
        ({"a": Decimal("1.5")}, "$.a"),
        (float("nan"), "$"),
    ],
)
def test_names_the_path_of_what_it_refuses(value, path):
    with pytest.raises(CanonicalError) as caught:
        canonical(value)
    assert caught.value.path == path


@pytest.fixture
def high_recursion_limit():
    """py-evm raises the limit like this, process-wide; the C parser of JSON then has no guard of its own."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    yield
    sys.setrecursionlimit(before)


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_refuses_bottomless_nesting(high_recursion_limit):
    for refuse in (canonical, encode_floats):
        with pytest.raises(CanonicalError, match="levels of nesting"):
            refuse(nested(1000))
    for data in (b"[" * 200_000, b'{"a":' * 200_000, b'["\\"",' * 200_000):
        with pytest.raises(CanonicalError, match="levels of nesting"):
            parse_canonical(data)


def test_nesting_up_to_the_limit_and_brackets_in_text_are_no_reason_to_refuse():
    for value in (nested(MAX_DEPTH), "[" * 1000, ['\\"[{' * 100, {'["': "[" * 100}], [[1]] * 100):
        assert parse_canonical(canonical(value)) == value
    with pytest.raises(CanonicalError):
        canonical(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "data", [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'"\\u0041"', b"1.0", b"\xff", b"NaN", b""]
)
def test_refuses_any_other_spelling(data):
    with pytest.raises(CanonicalError):
        parse_canonical(data)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive_as_decimal_strings(x):
    (text,) = encode_floats([x])
    assert json.dumps(float(text)) == json.dumps(x)  # the sign of zero too


def test_encode_floats_sees_numpy_and_decimal_and_leaves_the_input_alone():
    value = {"a": [np.float64(0.1), Decimal("1.50"), 3, True], "b": (0.25,)}
    assert encode_floats(value) == {"a": ["0.1", "1.50", 3, True], "b": ["0.25"]}
    assert value["b"] == (0.25,)


@pytest.mark.parametrize("x", [float("nan"), float("inf"), Decimal("NaN")])
def test_encode_floats_refuses_what_is_no_number(x):
    with pytest.raises(CanonicalError, match=r"\$\.m\[0\]"):
        encode_floats({"m": [x]})
