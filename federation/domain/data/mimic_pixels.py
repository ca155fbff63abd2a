"""The pixels of a MIMIC-CXR radiograph: the published JPEG, or the DICOM brought to the same 8-bit grey.

The publishers of MIMIC-CXR-JPG shift and stretch the stored values to 0 to 255, turn MONOCHROME1 round, and equalise
the histogram. The same is done here to a DICOM, so both forms of a radiograph load nearly alike (a JPEG is lossy).

References
----------
.. [1] Johnson et al. (2019). MIMIC-CXR-JPG. arXiv:1901.07042.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import DataError
from federation.domain.data.guarded_reader import GuardedReader
from federation.domain.data.image_files import read_jpeg

_WHITE = 255
_BLOCK = 2**20  # pixels


class Radiographs:
    """Reads radiographs one at a time and counts those that were DICOM."""

    def __init__(self, reader: GuardedReader) -> None:
        self.reader, self.from_dicom = reader, 0

    def read(self, jpeg: Path, *, least: int, enough: int) -> NDArray[np.uint8]:
        """The image at this path, or that of the DICOM beside it if there is no JPEG; arguments as in `read_jpeg`.

        Raises
        ------
        DataError
            If the file is absent, damaged, or no grey radiograph of at least `least` pixels a side.
        """
        dicom = jpeg.with_suffix(".dcm")
        if jpeg.exists() or not dicom.exists():
            return read_jpeg(jpeg, least=least, enough=enough)
        stored, facts = self.reader.read(dicom)
        if min(stored.shape) < least or stored.dtype.kind not in "ui":
            got = f"{stored.shape[1]} x {stored.shape[0]} px of type {stored.dtype}"
            remedy = "Copy the file again from the original set, or ask for fewer px."
            raise DataError(str(dicom), expected=f"a radiograph of at least {least} px a side", got=got, remedy=remedy)
        self.from_dicom += 1
        return published_grey(stored, inverted=bool(facts.get("inverted")))


def published_grey(stored: NDArray[Any], *, inverted: bool) -> NDArray[np.uint8]:
    """Stored values as the publishers of the JPEGs made grey of them.

    Parameters
    ----------
    stored : ndarray of integers, shape (height, width)
    inverted : bool
        The smallest value is white.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        An image of one value becomes black.
    """
    low, high = int(stored.min()), int(stored.max())
    span = np.arange(high - low + 1, dtype=np.int64)
    grey = (span * _WHITE // max(high - low, 1)).astype(np.uint8)
    if inverted:
        grey = np.where(high > low, _WHITE - grey, grey).astype(np.uint8)
    # A few rows at a time: to count or to look up, NumPy makes of each pixel an integer of eight bytes.
    rows = max(1, _BLOCK // stored.shape[1])
    blocks = [slice(n, n + rows) for n in range(0, stored.shape[0], rows)]
    pixels = sum(np.bincount((stored[one].astype(np.int64) - low).ravel(), minlength=len(span)) for one in blocks)
    counts = np.zeros(_WHITE + 1, dtype=np.int64)
    np.add.at(counts, grey, pixels)
    seen = equalised(counts)[grey]
    found = np.empty(stored.shape, dtype=np.uint8)
    for one in blocks:
        found[one] = seen[stored[one].astype(np.int64) - low]
    return found


def equalised(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The grey that each of 256 becomes, so that the histogram is as even as it can be; the darkest becomes 0.

    Parameters
    ----------
    counts : ndarray of int, shape (256,)
        Pixels of each grey.
    """
    below = np.cumsum(counts)
    darkest = counts[np.flatnonzero(counts)[0]]
    if below[-1] == darkest:
        return np.zeros(len(counts), dtype=np.uint8)
    share = np.maximum(below - darkest, 0) / (below[-1] - darkest)
    return np.rint(share * _WHITE).astype(np.uint8)
