"""Reading one image file that somebody else wrote, and resampling it."""

from __future__ import annotations

import io
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from federation.domain.data.dataset import DataError

MAX_SIDE = 4096  # a damaged header can claim any size; do not allocate it
MAX_RADIOGRAPH_SIDE = 8192  # plain X-ray detectors have up to some 4300 px
MAX_FILE = 64 * 2**20  # bytes
MAX_SCANS = 20  # of a progressive JPEG, which is decoded once for each; grey ones have some 6
_BLOCK = 2**23  # pixels that are held in double precision at a time; all sets but the largest radiographs fit in one
_PLAIN, _DEFLATE = 1, (8, 32946)  # how a TIFF says how it is packed
_NO_PREDICTOR, _DIFFERENCES = 1, 2
_START_OF_SCAN = b"\xff\xda"


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
        with tifffile.TiffFile(io.BytesIO(_content(path))) as tiff:
            page = tiff.pages.first
            pages, shape, dtype = len(tiff.pages), tuple(page.shape), page.dtype
            wanted = len(shape) == (2 if channels == 1 else 3) and shape[2:] in ((), (channels,))
            fits = pages == 1 and wanted and dtype == np.uint8 and min(shape) > 0 and max(shape) <= MAX_SIDE
            packing = _packing(page)
            image = _strips(page, shape) if fits and not packing else None
    except Exception as error:  # noqa: BLE001 - damaged bytes raise anything from zlib.error to TypeError in a decoder
        got = getattr(error, "strerror", None) or f"a file that cannot be decoded ({type(error).__name__}: {error})"
        raise _unreadable(path, expected, got) from error
    if image is None:
        got = packing if fits else f"{pages} page(s) of shape {shape} and type {dtype}"
        raise _unreadable(path, expected, got)
    return image


def _content(path: Path) -> bytes:
    with path.open("rb") as raw:
        content = raw.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise ValueError(f"more than {MAX_FILE} bytes")
    return content


def _packing(page: tifffile.TiffPage) -> str:
    """How the page is stored, if it is in a way that is not read here; else nothing."""
    if page.compression not in (_PLAIN, *_DEFLATE):
        return f"the compression {int(page.compression)}, which is neither none nor deflate"
    plain = page.bitspersample == 8 and page.planarconfig in (None, 1) and page.fillorder == 1 and not page.is_tiled
    known = (_NO_PREDICTOR,) if page.compression == _PLAIN else (_NO_PREDICTOR, _DIFFERENCES)
    if not plain or page.predictor not in known:
        return "tiles, planes, packed bits or a predictor other than differences"
    return ""


def _strips(page: tifffile.TiffPage, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pixels. tifffile inflates a strip whole, whatever its size; here not a byte more than the header announces.

    A strip without bytes, which tifffile takes for zeros, is an error: an image with a hole must not pass for a dark
    one.
    """
    height, row_bytes = shape[0], int(np.prod(shape[1:]))
    rows = min(int(page.rowsperstrip), height)
    stops = range(rows, height + rows, rows)
    if not len(stops) == len(page.dataoffsets) == len(page.databytecounts):
        raise ValueError(f"{len(page.databytecounts)} strips instead of {len(stops)}")
    if sum(page.databytecounts) > MAX_FILE:
        raise ValueError("strips that lie over one another")
    found = bytearray()
    for stop, offset, count in zip(stops, page.dataoffsets, page.databytecounts, strict=True):
        size = (min(stop, height) - (stop - rows)) * row_bytes
        page.parent.filehandle.seek(offset)
        strip, whole = page.parent.filehandle.read(count), True
        if page.compression in _DEFLATE:
            inflater = zlib.decompressobj()
            strip = inflater.decompress(strip, size + 1)
            whole = inflater.eof
        if len(strip) != size or not whole:
            raise ValueError(f"a strip of {'more' if len(strip) > size else len(strip)} bytes instead of {size}")
        found += strip
    image = np.frombuffer(found, dtype=np.uint8).reshape(shape)
    return np.cumsum(image, axis=1, dtype=np.uint8) if page.predictor == _DIFFERENCES else image


def read_jpeg(path: Path, *, least: int, enough: int) -> NDArray[np.uint8]:
    """Read a grey JPEG of 8 bits and at most `MAX_SCANS` scans, with no more pixels than needed.

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
        content = _content(path)
        if content.count(_START_OF_SCAN) > MAX_SCANS:
            raise ValueError(f"more than {MAX_SCANS} scans")
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
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
    found = np.empty((*images.shape[:-2], side, side), dtype=np.float32)
    down, across = _weights(height, side), _weights(width, side).T
    rows = max(1, _BLOCK // width)
    for place in np.ndindex(images.shape[:-2]):
        image = images[place]
        # In double precision, so that the rounding to single hides what order a machine adds in: digests must agree.
        parts = (down[:, n : n + rows] @ image[n : n + rows].astype(np.float64) for n in range(0, height, rows))
        found[place] = sum(parts) @ across
    return found


@lru_cache(maxsize=32)
def _weights(length: int, side: int) -> NDArray[np.float64]:
    """Row i holds the share of each of `length` pixels in output pixel i; rows sum to 1."""
    edges = np.arange(side + 1) * (length / side)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * (side / length)
