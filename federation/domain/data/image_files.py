"""Reading one image file that somebody else wrote, and resampling it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from federation.domain.data.dataset import DataError

MAX_SIDE = 4096  # a damaged header can claim any size; do not allocate it
MAX_RADIOGRAPH_SIDE = 8192  # plain X-ray detectors have up to some 4300 px


def read_tiff(path: Path, *, channels: int) -> NDArray[np.uint8]:
    """Read a TIFF of one page, 8 bits a sample, uncompressed or deflate.

    Returns
    -------
    ndarray of uint8, shape (height, width) for one channel, else (height, width, channels)

    Raises
    ------
    DataError
        If the file is absent, truncated or damaged, or holds something else.
    """
    expected = f"a TIFF of one page, {channels} channel{'s' if channels > 1 else ''} of 8 bits"
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            pages, shape, dtype = len(tiff.pages), tuple(page.shape), page.dtype
            wanted = len(shape) == (2 if channels == 1 else 3) and shape[2:] in ((), (channels,))
            fits = pages == 1 and wanted and dtype == np.uint8 and min(shape) > 0 and max(shape) <= MAX_SIDE
            # tifffile fills a strip that has no bytes with zeros: an image with a hole must not pass for a dark one.
            whole = len(page.databytecounts) > 0 and min(page.databytecounts) > 0
            image = page.asarray() if fits and whole else None
    except Exception as error:  # noqa: BLE001 - damaged bytes raise anything from zlib.error to TypeError in a decoder
        got = getattr(error, "strerror", None) or f"a file that cannot be decoded ({type(error).__name__}: {error})"
        raise _unreadable(path, expected, got) from error
    if not fits:
        raise _unreadable(path, expected, f"{pages} page(s) of shape {shape} and type {dtype}")
    if image is None or image.shape != shape:
        raise _unreadable(path, expected, "an image with missing strips")
    return image


def read_jpeg(path: Path, *, least: int, enough: int) -> NDArray[np.uint8]:
    """Read a grey JPEG of 8 bits, with no more pixels than needed.

    Parameters
    ----------
    least : int
        Smallest side of the file that is accepted, in pixels.
    enough : int
        Where the file is larger, it is decoded at 1/2, 1/4 or 1/8, if both sides keep this many pixels: each pixel is
        then the mean of those that it covers, and the time and memory of a full decoding are saved.

    Returns
    -------
    ndarray of uint8, shape (height, width)

    Raises
    ------
    DataError
        If the file is absent, truncated or damaged, or holds something else.
    """
    expected = f"a grey JPEG of 8 bits, {least} to {MAX_RADIOGRAPH_SIDE} px a side"
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            mode, size = image.mode, image.size
            fits = mode == "L" and least <= min(size) and max(size) <= MAX_RADIOGRAPH_SIDE
            if fits:
                image.draft("L", (enough, enough))
                return np.asarray(image, dtype=np.uint8)
    except Exception as error:  # noqa: BLE001 - damaged bytes raise anything from OSError to struct.error in a decoder
        got = getattr(error, "strerror", None) or f"a file that cannot be decoded ({type(error).__name__})"
        raise _unreadable(path, expected, got) from error
    raise _unreadable(path, expected, f"mode {mode}, {size[0]} x {size[1]} px")


def _unreadable(path: Path, expected: str, got: str) -> DataError:
    return DataError(str(path), expected=expected, got=got, remedy="Copy the file again from the original set.")


def area_mean(images: NDArray, side: int) -> NDArray[np.float32]:
    """Resample images to `side` x `side` pixels, each the mean of the area it covers.

    Parameters
    ----------
    images : ndarray, shape (..., height, width)
    side : int, from 1 to min(height, width)

    Returns
    -------
    ndarray of float32, shape (..., side, side), in the unit of the input

    Raises
    ------
    ValueError
        If `side` is larger than the image: detail cannot be made up.
    """
    height, width = images.shape[-2:]
    if not 1 <= side <= min(height, width):
        raise ValueError(f"expected a side from 1 to {min(height, width)} px, got {side}. Ask for fewer pixels.")
    # In double precision, so that the rounding to single hides what order a machine adds in: digests must agree.
    return (_weights(height, side) @ images.astype(np.float64) @ _weights(width, side).T).astype(np.float32)


@lru_cache(maxsize=32)
def _weights(length: int, side: int) -> NDArray[np.float64]:
    """Row i holds the share of each of `length` pixels in output pixel i; rows sum to 1."""
    edges = np.arange(side + 1) * (length / side)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * (side / length)
