"""Small files that cost a trusting parser gigabytes, and the honest files beside them. All are written on the spot."""

import gzip
import struct
import zlib
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

BOMB_BYTES = 949_000_000  # inflated; about 0.9 MB as a file


def write_dicom(path, pixels, *, syntax=ExplicitVRLittleEndian, meaning="MONOCHROME2", **changes):
    """A radiograph of one frame; `changes` are written into its header whatever they claim."""
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(entropy_srcs=["a test"])
    dataset.PatientID, dataset.Modality, dataset.SamplesPerPixel = "10000001", "DX", 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = meaning, 0
    dataset.Rows, dataset.Columns = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelData = pixels.tobytes() + bytes(pixels.nbytes % 2)
    dataset["PixelData"].VR = "OW" if bits == 16 else "OB"
    for name, value in changes.items():
        setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_nifti(path, volume, *, affine=None):
    """A volume indexed x, y, z."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1.0, -1.0, 1.0, 1.0]) if affine is None else affine), path)
    return path


def deflated_dicom(path, *, inflated=BOMB_BYTES):
    """A valid deflated file whose data set is one private element of zeros."""
    plain = BytesIO()
    write_dicom(path, np.zeros((8, 8), np.uint8), syntax=DeflatedExplicitVRLittleEndian)
    head = path.read_bytes()
    meta = head[: 132 + 12 + struct.unpack_from("<I", head, 140)[0]]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    element = struct.pack("<HH2sHI", 0x0011, 0x1001, b"OB", 0, inflated)
    plain.write(packer.compress(element))
    _zeros(packer, plain, inflated)
    path.write_bytes(meta + plain.getvalue())
    return path


def gzip_nifti(path, *, header=None, inflated=BOMB_BYTES):
    """A header, honest about the volume or not, and zeros without end behind it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    out = BytesIO()
    out.write(packer.compress(nifti_header() if header is None else header))
    _zeros(packer, out, inflated)
    path.write_bytes(out.getvalue())
    return path


def nifti_header(shape=(64, 64, 32), *, code=4, bits=16, offset=352.0, n_dims=3):
    """352 bytes as the standard has them, which may claim any size."""
    raw = bytearray(352)
    struct.pack_into("<i", raw, 0, 348)
    struct.pack_into("<8h", raw, 40, n_dims, *(*shape, 1, 1, 1, 1)[:7])
    struct.pack_into("<2h", raw, 70, code, bits)
    struct.pack_into("<8f", raw, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", raw, 108, offset)
    raw[344:348] = b"n+1\0"
    return bytes(raw)


def _zeros(packer, out, count):
    """A block that needs nothing before it is packed once and written again and again: a bomb is made in no time."""
    out.write(packer.flush(zlib.Z_FULL_FLUSH))
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    out.write(block * (count // 2**20) + packer.compress(bytes(count % 2**20)) + packer.flush())


def nested_dicom(path, depth=20_000):
    """Sequences in sequences, each of undefined length: deeper than a recursive parser goes."""
    item = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    head = write_dicom(path, np.zeros((8, 8), np.uint8)).read_bytes()
    start = 132 + 12 + struct.unpack_from("<I", head, 140)[0]
    path.write_bytes(head[:start] + item * depth)
    return path


def write_bombs(folder: Path) -> dict[str, tuple[str, Path]]:
    """Name to kind of reader and file."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((64, 48), np.uint16)
    huge, tall = nifti_header((512, 512, 512), code=64, bits=64), nifti_header((32767, 32767, 1))
    return {
        "deflated": ("dicom", deflated_dicom(folder / "deflated.dcm")),
        "compressed": ("dicom", write_dicom(folder / "jpeg.dcm", pixels, syntax=JPEG2000Lossless, PixelData=_FRAGMENT)),
        "rows": ("dicom", write_dicom(folder / "rows.dcm", pixels, Rows=65535, Columns=65535)),
        "frames": ("dicom", write_dicom(folder / "frames.dcm", pixels, NumberOfFrames=100_000)),
        "nested": ("dicom", nested_dicom(folder / "nested.dcm")),
        "longer": ("nifti", gzip_nifti(folder / "longer.nii.gz")),
        "huge": ("nifti", gzip_nifti(folder / "huge.nii.gz", header=huge)),
        "tall": ("nifti", gzip_nifti(folder / "tall.nii.gz", header=tall, inflated=1000)),
        "extension": ("nifti", gzip_nifti(folder / "extension.nii.gz", header=nifti_header(offset=9e8))),
        "seven": ("nifti", _save(folder / "seven.nii.gz", gzip.compress(nifti_header((32, 32, 32, 32), n_dims=7)))),
    }


_FRAGMENT = (
    struct.pack("<HHIHHI", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, 4) + b"abcd" + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
)


def _save(path, raw):
    path.write_bytes(raw)
    return path
