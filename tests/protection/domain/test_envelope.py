"""The seal of backups: what was sealed comes out, and nothing else does."""

from __future__ import annotations

import base64
import io

import pytest

from protection.domain import envelope

KEY = bytes(range(32))


def sealed(data: bytes, *, name: str = "a/database", key: bytes = KEY) -> bytes:
    target = io.BytesIO()
    written = envelope.seal(io.BytesIO(data), target, key=key, name=name)
    assert written == len(target.getvalue())
    return target.getvalue()


def opened(data: bytes, *, name: str = "a/database", key: bytes = KEY) -> bytes:
    return b"".join(envelope.opened(io.BytesIO(data), key=key, name=name))


class Dripping(io.BytesIO):
    """A pipe: gives less than it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 700_001))


@pytest.mark.parametrize("size", [0, 1, envelope.CHUNK - 1, envelope.CHUNK, envelope.CHUNK + 1, 2 * envelope.CHUNK])
def test_what_was_sealed_comes_out_whatever_its_size(size):
    data = (b"qfl" * (size // 3 + 1))[:size]
    target = io.BytesIO()
    envelope.seal(Dripping(data), target, key=KEY, name="a/database")
    assert b"".join(envelope.opened(Dripping(target.getvalue()), key=KEY, name="a/database")) == data
    assert b"qflqfl" not in target.getvalue()


def test_anything_else_is_refused():
    chunk, head = envelope.CHUNK + envelope.TAG, len(envelope.MAGIC) + envelope.SALT
    whole = sealed(b"x" * (2 * envelope.CHUNK + 5))
    first, second = whole[head : head + chunk], whole[head + chunk : head + 2 * chunk]
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    wrong = {
        "a bit": bytes(flipped),
        "cut inside a chunk": whole[:-1],
        "cut at the end of a chunk": whole[: head + 2 * chunk],
        "chunks exchanged": whole[:head] + second + first + whole[head + 2 * chunk :],
        "a chunk twice": whole[:head] + first + first + whole[head + chunk :],
        "bytes behind": whole + b"x",
        "another salt": whole[: head - 1] + b"\0" + whole[head:] if whole[head - 1] else whole[:-2],
        "only the beginning": whole[: head - 1],
        "nothing": b"",
    }
    taken = []
    for what, data in wrong.items():
        try:
            opened(data)
            taken.append(what)
        except envelope.SealBroken:
            pass
    assert not taken
    for given in ({"name": "b/database"}, {"key": bytes(32)}):
        with pytest.raises(envelope.SealBroken, match="part 1 is not what was sealed"):
            opened(whole, **given)


def test_a_key_is_32_bytes_in_base64_and_named_without_being_shown():
    assert envelope.read_key(base64.b64encode(KEY) + b"\n") == KEY
    for text in (b"", b"secret", base64.b64encode(KEY[:31]), b"\xff"):
        with pytest.raises(ValueError, match="32 bytes in base64"):
            envelope.read_key(text)
    assert envelope.key_name(KEY) not in base64.b64encode(KEY).decode()
    assert envelope.mac(KEY, b"a") != envelope.mac(KEY, b"b")
