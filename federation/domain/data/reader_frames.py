"""How the reader process answers: a header of fixed size, facts as JSON, then the bytes of one array. Never a pickle.

The process has read bytes that somebody else wrote, so its answers are not believed either: every number of the header
is checked before a byte is allocated for what it announces.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("<4sBBBx3IIQ")  # magic, status, type, dimensions, sides, bytes of facts, bytes of the array
MAGIC = b"QFR1"
IMAGE, REFUSED = 0, 1
IO_FAILED = 74  # how the process ends if the disk or share of a file is away
DTYPES = ("|u1", "|i1", "<i2", "<u2", "<i4", "<f4", "<f8")
MAX_FACTS_BYTES, MAX_TEXT = 16_384, 400


class BadFrame(Exception):
    """An answer that is not in the form above."""


@dataclass(frozen=True)
class Answer:
    """An image with its facts, or the words of a refusal."""

    status: int
    facts: dict[str, Any]
    image: NDArray[Any] | None = None


def pack(answer: Answer) -> tuple[bytes, memoryview]:
    """Header and facts, and the array's bytes."""
    facts = json.dumps(answer.facts).encode()
    if answer.image is None:
        return HEADER.pack(MAGIC, answer.status, 0, 0, 0, 0, 0, len(facts), 0) + facts, memoryview(b"")
    image = np.ascontiguousarray(answer.image)
    sides = (*image.shape, 0, 0, 0)[:3]
    code = DTYPES.index(image.dtype.newbyteorder("<").str)
    head = HEADER.pack(MAGIC, answer.status, code, image.ndim, *sides, len(facts), image.nbytes)
    return head + facts, image.reshape(-1).view(np.uint8).data


def unpack(receive: Callable[[int], bytearray], *, most_bytes: int) -> Answer:
    """Read one answer.

    Parameters
    ----------
    receive : callable
        Returns exactly so many bytes, or raises.
    most_bytes : int
        Of an array; a frame that announces more is refused before anything is allocated for it.

    Raises
    ------
    BadFrame
        If the frame is not of the form above, or too large.
    """
    magic, status, code, ndim, *sides, facts_bytes, image_bytes = HEADER.unpack(receive(HEADER.size))
    if magic != MAGIC or status not in (IMAGE, REFUSED) or facts_bytes > MAX_FACTS_BYTES:
        raise BadFrame(f"an answer with the header {magic!r}, status {status}, {facts_bytes} bytes of facts")
    if status == IMAGE:
        if code >= len(DTYPES) or not 1 <= ndim <= 3:
            raise BadFrame(f"an image of type {code} and {ndim} dimensions")
        dtype, shape = np.dtype(DTYPES[code]), tuple(sides[:ndim])
        if min(shape) < 1 or math.prod(shape) * dtype.itemsize != image_bytes or image_bytes > most_bytes:
            raise BadFrame(f"an image of shape {shape}, type {dtype} and {image_bytes} bytes")
    elif image_bytes:
        raise BadFrame("a refusal with an image")
    try:
        facts = json.loads(bytes(receive(facts_bytes)))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadFrame("facts that are no JSON") from error
    if not isinstance(facts, dict):
        raise BadFrame("facts that are no JSON object")
    if status == REFUSED:
        return Answer(status, {str(key): plain(value) for key, value in facts.items()})
    return Answer(status, facts, np.frombuffer(receive(image_bytes), dtype=dtype).reshape(shape))


def plain(value: Any) -> str:
    """A text of a few printable characters: it may end in a log or a page."""
    return "".join(c if c.isprintable() else "?" for c in str(value))[:MAX_TEXT]
