"""Recursive-length prefix, Ethereum's encoding of byte strings and lists of them: a strict reader, a small writer.

Each value has one encoding, and the reader refuses every other one: a second spelling would have another hash.

References
----------
.. [1] Ethereum yellow paper, appendix B.
"""

from __future__ import annotations

from provenance.domain.errors import FormatError

Item = bytes | list["Item"]
MAX_DEPTH = 16  # a receipt nests four deep


def rlp_decode(data: bytes) -> Item:
    """Decode one item that must fill the bytes.

    Raises
    ------
    FormatError
        If the bytes are cut short, go on after the item, nest too deep, or spell it in another way than the only one.
    """
    item, end = _decode(data, 0, len(data), 0)
    if end != len(data):
        raise FormatError(f"expected one RLP item of {end} bytes, got {len(data)}")
    return item


def rlp_encode(item: Item) -> bytes:
    """Encode bytes, or nested lists of them."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _prefix(len(item), 0x80) + item
    payload = b"".join(map(rlp_encode, item))
    return _prefix(len(payload), 0xC0) + payload


def rlp_integer(item: Item) -> int:
    """Read an item as an unsigned integer, big-endian without leading zeroes, at most 32 bytes."""
    if isinstance(item, list) or len(item) > 32 or item[:1] == b"\x00":
        raise FormatError("expected an RLP integer without leading zeroes, got something else")
    return int.from_bytes(item, "big")


def encode_integer(value: int) -> bytes:
    """RLP of an unsigned integer: the key of a transaction's receipt in its block's trie."""
    return rlp_encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def _decode(data: bytes, at: int, end: int, depth: int) -> tuple[Item, int]:
    if at >= end:
        raise FormatError(f"expected an RLP item at byte {at}, got the end")
    if depth > MAX_DEPTH:
        raise FormatError(f"expected at most {MAX_DEPTH} levels of RLP lists, got more")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    start, stop = _extent(data, at, end, first - (0xC0 if is_list else 0x80))
    if not is_list:
        if stop - start == 1 and data[start] < 0x80:
            raise FormatError(f"expected the byte at {at} to stand for itself, got it with a length before it")
        return data[start:stop], stop
    items: list[Item] = []
    while start < stop:
        item, start = _decode(data, start, stop, depth + 1)
        items.append(item)
    return items, stop


def _extent(data: bytes, at: int, end: int, code: int) -> tuple[int, int]:
    """Where the payload of the item at `at` starts and stops."""
    start, length = at + 1, code
    if code > 55:
        start += code - 55
        size = data[at + 1 : start]
        length = int.from_bytes(size, "big")
        if start > end or size[0] == 0 or length < 56:
            raise FormatError(f"expected the shortest length at byte {at}, got {size.hex()!r}")
    if start + length > end:
        raise FormatError(f"expected {length} bytes of RLP payload at byte {start}, got {end - start}")
    return start, start + length
