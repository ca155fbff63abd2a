"""Reading a NIfTI-1 file within bounds. Runs in the reader process only.

nibabel parses the 348 bytes of the header; the voxels are inflated up to the size that the checked header allows and
not a byte further (nibabel itself would inflate a gzip bomb of 1 MB to 2 GB).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from federation.domain.data.reader_limits import CannotRead, ReaderLimits

_HEADER_BYTES, _MAX_EXTENSION_BYTES = 348, 2**20
_TYPES = {"u1", "i1", "i2", "u2", "i4", "f4", "f8"}
_GZIP = b"\x1f\x8b"
_AGAIN = "Copy the file again from the original set."
_CONVERT = "Write the volume as a single NIfTI-1 file (.nii or .nii.gz) of plain numbers."


def read_nifti(raw: BinaryIO, limits: ReaderLimits) -> tuple[NDArray[Any], dict[str, Any]]:
    """Read one volume.

    Returns
    -------
    image : ndarray, shape (z, y, x)
        The file's order in memory, so that no copy is made: the axes are reversed. Scaled if the header says so.
    facts : dict
        ``affine``: sixteen numbers, row by row, from voxel (x, y, z) to millimetres.

    Raises
    ------
    CannotRead
        If the file is none, lies about its size, or is beyond a limit.
    """
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    if not packed:
        return _volume(raw, limits)
    try:
        with gzip.GzipFile(fileobj=raw) as stream:
            return _volume(stream, limits)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CannotRead("a whole gzip file", f"damaged bytes ({error})", _AGAIN) from error


def samples() -> Iterator[BinaryIO]:
    """Files that lead once through all modules: packed, scaled, placed either way; and a damaged one."""
    header = Nifti1Header()
    header.set_data_shape((1, 1, 1))
    header["magic"], header["vox_offset"] = b"n+1", _HEADER_BYTES + 4
    header["scl_slope"], header["scl_inter"] = 2, 1
    whole = header.binaryblock + bytes(4 + header.get_data_dtype().itemsize)
    yield BytesIO(whole)
    yield BytesIO(gzip.compress(whole))
    header.set_qform(np.eye(4), code=1)
    yield BytesIO(header.binaryblock + whole[_HEADER_BYTES:])
    header.set_sform(np.eye(4), code=1)
    yield BytesIO(header.binaryblock + whole[_HEADER_BYTES:])
    yield BytesIO(whole[:70] + b"\xff\xff" + whole[72:])


def _volume(stream: BinaryIO | gzip.GzipFile, limits: ReaderLimits) -> tuple[NDArray[Any], dict[str, Any]]:
    header = _header(stream.read(_HEADER_BYTES))
    shape, dtype, offset = _checked(header, limits)
    _exactly(stream, offset - _HEADER_BYTES)
    voxels = _exactly(stream, math.prod(shape) * dtype.itemsize)
    if stream.read(1):
        raise CannotRead(f"{len(voxels)} bytes of voxels, as the header says", "more bytes", _AGAIN)
    image = np.frombuffer(voxels, dtype=dtype).reshape(shape[::-1])
    if dtype.byteorder == ">":
        image = image.astype(dtype.newbyteorder("<"))
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept) != (1.0, 0.0):
        if not math.isfinite(slope) or not math.isfinite(intercept or 0.0):
            raise CannotRead("a finite scale in the header", f"{slope} and {intercept}", _CONVERT)
        image = image.astype(np.float32)
        image *= np.float32(slope)
        image += np.float32(intercept or 0.0)
    return image, {"affine": _affine(header)}


def _header(raw: bytes) -> Nifti1Header:
    expected = "a single NIfTI-1 file"
    if len(raw) < _HEADER_BYTES:
        raise CannotRead(expected, f"{len(raw)} bytes", _AGAIN)
    if raw[344:348] != b"n+1\0":
        raise CannotRead(expected, f"the mark {raw[344:348]!r} instead of b'n+1\\x00'", _CONVERT)
    try:
        return Nifti1Header.from_fileobj(BytesIO(raw))
    except (HeaderDataError, ValueError, OverflowError, KeyError) as error:
        raise CannotRead(expected, f"a header that is none ({type(error).__name__})", _AGAIN) from error


def _checked(header: Nifti1Header, limits: ReaderLimits) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and the place of the voxels, if all are within the limits."""
    n_dims = int(header["dim"][0])
    sides = tuple(int(side) for side in header["dim"][1 : 1 + n_dims]) if 1 <= n_dims <= 7 else ()
    while len(sides) > 3 and sides[-1] == 1:
        sides = sides[:-1]
    if len(sides) != 3 or not all(1 <= side <= limits.side for side in sides):
        expected = f"a volume of three sides, 1 to {limits.side} voxels each"
        raise CannotRead(expected, f"{n_dims} dimensions of {' x '.join(map(str, sides)) or 'no size'}", _CONVERT)
    dtype = header.get_data_dtype()
    if dtype.str[1:] not in _TYPES:
        raise CannotRead("voxels that are integers or floats of at most 8 bytes", str(dtype), _CONVERT)
    size = math.prod(sides) * dtype.itemsize
    if size > limits.image_bytes:
        raise CannotRead(f"at most {limits.image_bytes} bytes of voxels", f"a header that claims {size}", _CONVERT)
    offset = float(header["vox_offset"])
    if not (offset.is_integer() and _HEADER_BYTES <= offset <= _MAX_EXTENSION_BYTES):
        raise CannotRead(f"voxels from byte {_HEADER_BYTES} to {_MAX_EXTENSION_BYTES}", f"{offset:g}", _CONVERT)
    return sides, dtype, int(offset)


def _exactly(stream: BinaryIO | gzip.GzipFile, count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise CannotRead(f"{count} bytes, as the header says", f"{len(found)}", _AGAIN)
    return found


def _affine(header: Nifti1Header) -> list[float]:
    affine = [float(value) for value in header.get_best_affine().ravel()]
    if not all(map(math.isfinite, affine)):
        raise CannotRead("a finite affine in the header", "NaN or infinite numbers", _CONVERT)
    return affine
