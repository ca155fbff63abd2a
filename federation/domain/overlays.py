"""One slice of a patient with the outlines of truth and prediction: small, plain, and checked when it is read.

An overlay is a picture of a patient. It leaves a site only where the site's own configuration says so.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_PATIENTS = 200
MOST_SIDE = 512


@dataclass(frozen=True)
class Overlay:
    """What is drawn of one patient.

    Attributes
    ----------
    name : str
        A pseudonym that the site alone can lead back.
    slice : int
        Which of the patient's slices, from 1: the one with most lesion, or with most marked if there is none.
    slices : int
    dice : mapping of model name to float in [0, 1] or None
        Of the whole volume; None where it is not defined.
    image : ndarray of uint8, shape (height, width)
    truth, prediction : ndarray of bool, same shape
        The lesion, and what the quantum model marked.
    beside : ndarray of bool, same shape, or None
        What the model beside it marked; None from a worker of before it was sent.
    """

    name: str
    slice: int
    slices: int
    dice: Mapping[str, float | None]
    image: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    prediction: NDArray[np.bool_]
    beside: NDArray[np.bool_] | None = None


def pack(overlays: Sequence[Overlay]) -> bytes:
    """As JSON; arrays in base64, masks as bits."""
    return json.dumps([
        {
            "name": o.name, "slice": o.slice, "slices": o.slices, "dice": dict(o.dice), "shape": list(o.image.shape),
            "image": _text(o.image.tobytes()), "truth": _bits(o.truth), "prediction": _bits(o.prediction),
            **({} if o.beside is None else {"beside": _bits(o.beside)}),
        }
        for o in overlays
    ]).encode()  # fmt: skip


def unpack(data: bytes) -> list[Overlay]:
    """Read what `pack` wrote, with suspicion.

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        rows = json.loads(data)
        if not isinstance(rows, list) or len(rows) > MOST_PATIENTS:
            raise ValueError(f"expected at most {MOST_PATIENTS} overlays")
        return [_overlay(row) for row in rows]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected overlays, got {type(error).__name__}: {error}") from error


def _overlay(row: Mapping[str, Any]) -> Overlay:
    height, width = (int(side) for side in row["shape"])
    if not (1 <= height <= MOST_SIDE and 1 <= width <= MOST_SIDE):
        raise ValueError(f"expected sides of 1 to {MOST_SIDE} pixels, got {height} x {width}")
    image = np.frombuffer(base64.b64decode(row["image"], validate=True), dtype=np.uint8)
    if image.size != height * width:
        raise ValueError(f"expected {height * width} pixels, got {image.size}")
    truth, prediction = (_mask(row[name], height, width) for name in ("truth", "prediction"))
    beside = _mask(row["beside"], height, width) if "beside" in row else None
    dice = {str(name): _dice(value) for name, value in row["dice"].items()}
    name, number, of = str(row["name"])[:40], int(row["slice"]), int(row["slices"])
    return Overlay(name, number, of, dice, image.reshape(height, width), truth, prediction, beside)


def _dice(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"expected a Dice score in [0, 1], got {value!r}")
    return float(value)


def _mask(text: str, height: int, width: int) -> NDArray[np.bool_]:
    bits = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if bits.size != (height * width + 7) // 8:
        raise ValueError(f"expected the bits of {height} x {width} pixels, got {bits.size} bytes")
    return np.unpackbits(bits, count=height * width).astype(bool).reshape(height, width)


def _bits(mask: NDArray[np.bool_]) -> str:
    return _text(np.packbits(mask).tobytes())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def outline(mask: NDArray[np.bool_]) -> str:
    """The border between marked pixels and the others as the path of an SVG, a unit a pixel; empty without a mark."""
    padded = np.pad(mask, 1).astype(np.int8)
    rows, columns = np.nonzero(np.diff(padded, axis=0)[:, 1:-1])
    across = [f"M{x} {y}h1" for y, x in zip(rows.tolist(), columns.tolist(), strict=True)]
    rows, columns = np.nonzero(np.diff(padded, axis=1)[1:-1, :])
    down = [f"M{x} {y}v1" for y, x in zip(rows.tolist(), columns.tolist(), strict=True)]
    return "".join(across + down)


def png(image: NDArray[np.uint8]) -> bytes:
    """A grey image as a PNG file (8 bits, no filter)."""
    height, width = image.shape
    lines = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(image))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
