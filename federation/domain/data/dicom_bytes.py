"""Reading one grey DICOM image within bounds. Runs in the reader process only.

The transfer syntax is read before anything else: pydicom inflates a deflated file whole as soon as it is opened, also
when only its header is asked for (a file of 949 kB took 1.96 GB).
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import pydicom
from numpy.typing import NDArray
from pydicom.filereader import _read_file_meta_info  # the public one wants a name, which could not be opened
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from federation.domain.data.reader_limits import CannotRead, ReaderLimits

_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_TAGS = [
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation", "PixelData"),
]
_AGAIN = "Copy the file again from the original set."
_DECOMPRESS = "Convert it to Explicit VR Little Endian without compression (dcmconv +te, dcmdjpeg or gdcmconv --raw)."
_EXPORT = "Export the image again as one grey frame of 8 or 16 bits."


def read_dicom(stream: BinaryIO, limits: ReaderLimits) -> tuple[NDArray[Any], dict[str, Any]]:
    """Read one image.

    Returns
    -------
    image : ndarray of integers, shape (rows, columns)
        Stored values: what the file holds, no table or window applied.
    facts : dict
        ``inverted``: whether the smallest value is white (MONOCHROME1).

    Raises
    ------
    CannotRead
        If the file is no grey image of one frame, is compressed, lies about its size, or is beyond a limit.
    """
    if stream.read(132)[128:] != b"DICM":
        raise CannotRead("a DICOM file", "bytes without the mark DICM", _AGAIN)
    try:
        _check_syntax(_read_file_meta_info(stream).get("TransferSyntaxUID"))
        stream.seek(0)
        dataset = pydicom.dcmread(stream, specific_tags=_TAGS)
        inverted = _check_header(dataset, limits)
        image = dataset.pixel_array
    except (CannotRead, MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes raise anything from AttributeError to RecursionError
        raise CannotRead("a whole DICOM image", f"damaged bytes ({type(error).__name__})", _AGAIN) from error
    if image.shape != (dataset.Rows, dataset.Columns):
        raise CannotRead(f"{dataset.Rows} x {dataset.Columns} pixels", f"{image.shape}", _AGAIN)
    return image.astype(image.dtype.newbyteorder("<"), copy=False), {"inverted": inverted}


def samples() -> Iterator[BinaryIO]:
    """Files that lead once through every module that is needed: each syntax with 8 and 16 bits; and a damaged one."""
    for syntax in _NATIVE:
        for bits in (8, 16):
            dataset = pydicom.Dataset()
            dataset.file_meta = pydicom.dataset.FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = syntax
            dataset.SpecificCharacterSet, dataset.PhotometricInterpretation = "ISO_IR 100", "MONOCHROME1"
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID("1.2.3")
            dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.NumberOfFrames = 1, 2, 1, 1
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
            dataset.PixelRepresentation, dataset.PixelData = 0, bytes(bits // 4)
            dataset["PixelData"].VR = "OW"
            out = BytesIO()
            pydicom.dcmwrite(out, dataset, enforce_file_format=True)
            out.seek(0)
            yield out
    yield BytesIO(out.getvalue()[:-3])


def _check_syntax(syntax: UID | None) -> None:
    if syntax not in _NATIVE:
        # The name is looked up, not taken from the file.
        known = f"{syntax.name}" if isinstance(syntax, UID) and syntax.is_transfer_syntax else "an unknown syntax"
        raise CannotRead("pixels without compression", "none declared" if syntax is None else known, _DECOMPRESS)


def _check_header(dataset: pydicom.Dataset, limits: ReaderLimits) -> bool:
    """Whether small values are white, if the header describes an image that is read here."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if not (1 <= rows <= limits.side and 1 <= columns <= limits.side):
        raise CannotRead(f"1 to {limits.side} pixels a side", f"{rows} x {columns}", _EXPORT)
    frames, samples = int(dataset.get("NumberOfFrames") or 1), int(dataset.get("SamplesPerPixel", 1))
    meaning, bits = str(dataset.get("PhotometricInterpretation", "")), int(dataset.BitsAllocated)
    fits = frames == samples == 1 and meaning in ("MONOCHROME1", "MONOCHROME2") and bits in (8, 16)
    if not fits:
        got = f"{frames} frame(s) of {samples} sample(s), {bits} bits, {meaning[:20] or 'no meaning declared'}"
        raise CannotRead("one grey frame (MONOCHROME1 or 2) of 8 or 16 bits", got, _EXPORT)
    wanted, held = rows * columns * bits // 8, len(dataset.get("PixelData") or b"")
    if wanted > limits.image_bytes or not wanted <= held <= wanted + 1:
        raise CannotRead(f"{wanted} bytes of pixels, at most {limits.image_bytes}", f"{held}", _AGAIN)
    return meaning == "MONOCHROME1"
