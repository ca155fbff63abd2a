from __future__ import annotations

import hashlib
import hmac

import pytest

from federation.domain.secure.hybrid_keys import LABEL, combine

KEM, QKD = bytes(range(32)), bytes(range(32, 64))


def hkdf_by_hand(material: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-384 and no salt."""
    pseudorandom = hmac.digest(bytes(48), material, hashlib.sha384)
    out, block, number = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(pseudorandom, block + info + bytes([number]), hashlib.sha384)
        out, number = out + block, number + 1
    return out[:length]


@pytest.mark.parametrize("length", [16, 32, 100])
def test_it_is_hkdf_over_the_secrets_with_their_lengths(length):
    material = b"\0\0\0\x20" + KEM + b"\0\0\0\x20" + QKD
    expected = hkdf_by_hand(material, LABEL + b"\0\0\0\x02" + b"run 1", length)
    assert combine([KEM, QKD], context=b"run 1", length=length) == expected


def test_every_secret_order_and_context_counts():
    other = bytes(32)
    keys = [
        combine([KEM, QKD], context=b"a"), combine([KEM, other], context=b"a"), combine([other, QKD], context=b"a"),
        combine([QKD, KEM], context=b"a"), combine([KEM, QKD], context=b"b"), combine([KEM], context=b"a"),
        combine([KEM + QKD], context=b"a"), combine([KEM[:16], KEM[16:] + QKD], context=b"a"),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert combine([KEM, QKD], context=b"a") == keys[0]


@pytest.mark.parametrize(
    ("secrets", "length", "says"),
    [
        ([], 32, "at least one"), ([KEM, b"short"], 32, "got 5 at place 1"), ([KEM], 8, "length"),
        ([KEM], 20_000, "length"),
    ],
)  # fmt: skip
def test_what_would_be_weak_is_refused(secrets, length, says):
    with pytest.raises(ValueError, match=says):
        combine(secrets, context=b"", length=length)
