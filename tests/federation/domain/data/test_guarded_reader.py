"""What a file can do to a worker: nothing. Bombs, liars, damage and noise are refused, in a few hundred megabytes."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from federation.domain.data.dataset import DataError
from federation.domain.data.guarded_reader import GuardedReader
from tests.factories.image_bombs import nifti_header, write_bombs, write_dicom, write_nifti

PROJECT = Path(__file__).resolve().parents[4]
# A worker that has read nothing yet has some 50 MB; the reader 60 to 90. A trusting parser would add 1 to 2 GB.
MOST_TREE_BYTES = 350 * 2**20
REFUSALS = {
    "deflated": "expected pixels without compression, got Deflated Explicit VR Little Endian",
    "compressed": "expected pixels without compression, got JPEG 2000",
    "rows": "got 65535 x 65535",
    "frames": "got 100000 frame(s) of 1 sample(s)",
    "nested": "expected a whole DICOM image",
    "longer": "got more bytes",
    "huge": "got a header that claims 1073741824",
    "tall": "got 3 dimensions of 32767 x 32767 x 1",
    "extension": "expected voxels from byte 348 to 1048576, got 9e+08",
    "seven": "got 7 dimensions of 32 x 32 x 32 x 32",
}
WORKER = """
import json, resource, sys
from federation.domain.data.dataset import DataError
from federation.domain.data.guarded_reader import GuardedReader
said = {}
for name, (kind, path) in json.loads(sys.argv[1]).items():
    with GuardedReader(kind) as reader:
        try:
            reader.read(__import__("pathlib").Path(path))
            said[name] = "read"
        except DataError as error:
            said[name] = str(error)
peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([said, peaks]))
"""


@pytest.fixture(scope="module")
def dicoms():
    with GuardedReader("dicom") as reader:
        yield reader


@pytest.fixture(scope="module")
def niftis():
    with GuardedReader("nifti") as reader:
        yield reader


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    return write_bombs(tmp_path_factory.mktemp("bombs"))


def refused(reader, path):
    with pytest.raises(DataError) as caught:
        reader.read(path)
    assert caught.value.file == str(path) and caught.value.remedy
    return str(caught.value)


def test_bombs_are_refused_in_words_and_the_process_tree_stays_small(bombs):
    assert all(path.stat().st_size < 10**6 for _, path in bombs.values())
    listed = json.dumps({name: (kind, str(path)) for name, (kind, path) in bombs.items()})
    # A process takes over the peak of the one that starts it: a shell stands between this test's and the worker's.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", WORKER, listed]
    run = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True)
    said, peaks = json.loads(run.stdout)
    assert {name: text for name, text in said.items() if REFUSALS[name] not in text} == {}
    assert sum(peaks) < MOST_TREE_BYTES


def test_a_volume_comes_back_as_it_was_written(niftis, tmp_path):
    volume = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3) - 7
    affine = np.array([[-1, 0, 0, 9], [0, -1, 0, 8], [0, 0, 2, -7], [0, 0, 0, 1.0]])
    for name in ("v.nii", "v.nii.gz"):
        image, facts = niftis.read(write_nifti(tmp_path / name, volume, affine=affine))
        assert image.dtype == np.int16 and np.array_equal(image.transpose(2, 1, 0), volume)
        assert np.array_equal(np.reshape(facts["affine"], (4, 4)), affine)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "f4", "f8", ">i2", ">f4"])
def test_types_and_byte_orders_come_back_alike(niftis, tmp_path, dtype):
    import nibabel

    volume = np.arange(24).reshape(2, 3, 4).astype(dtype)
    header = nibabel.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
    header.set_data_dtype(volume.dtype)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4), header), tmp_path / "v.nii")
    image, _ = niftis.read(tmp_path / "v.nii")
    assert np.array_equal(image.transpose(2, 1, 0), np.arange(24).reshape(2, 3, 4))


def test_the_scale_in_the_header_is_applied(niftis, tmp_path):
    import nibabel

    scaled = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    scaled.header.set_slope_inter(0.5, 3)
    nibabel.save(scaled, tmp_path / "v.nii")
    raw = bytearray((tmp_path / "v.nii").read_bytes())
    raw[112:120] = np.array([0.5, 3], "<f4").tobytes()
    (tmp_path / "v.nii").write_bytes(raw)
    stored = np.frombuffer(bytes(raw[352:]), "<i2").reshape(4, 3, 2)
    assert np.array_equal(niftis.read(tmp_path / "v.nii")[0], stored * 0.5 + 3)


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_radiograph_comes_back_as_it_was_written(dicoms, tmp_path, syntax):
    import pydicom

    pixels = np.arange(12 * 7, dtype=np.uint16).reshape(12, 7) * 40
    path = write_dicom(tmp_path / "r.dcm", pixels, meaning="MONOCHROME1")
    if syntax is not None:
        whole = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            whole.PixelData = pixels.byteswap().tobytes()
        whole.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(
            path, whole, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian
        )
    image, facts = dicoms.read(path)
    assert np.array_equal(image, pixels) and facts == {"inverted": True}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"SamplesPerPixel": 3}, "3 sample(s)"),
        ({"BitsAllocated": 32}, "32 bits"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"PixelData": b""}, "expected 168 bytes of pixels, at most 67108864, got 0"),
        ({"PixelData": bytes(10)}, "got 10"),
        ({"Rows": 0}, "got 0 x 7"),
    ],
)
def test_an_image_that_is_no_radiograph_is_refused(dicoms, tmp_path, changes, says):
    assert says in refused(dicoms, write_dicom(tmp_path / "r.dcm", np.zeros((12, 7), np.uint16), **changes))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "got 0 bytes"),
        (b"\x1f\x8b", "damaged bytes"),
        (b"not an image", "got 12 bytes"),
        (
            gzip.compress(nifti_header((4, 4, 4)) + bytes(100), mtime=0),
            "expected 128 bytes, as the header says, got 100",
        ),
        (gzip.compress(nifti_header((4, 4, 4)) + bytes(128), mtime=0)[:-3], "a whole gzip file"),
        (nifti_header((4, 4, 4)) + bytes(129), "expected 128 bytes of voxels, as the header says, got more bytes"),
        (nifti_header((4, 4, 4), code=32, bits=64) + bytes(512), "integers or floats"),
        (nifti_header((4, 4, 4), code=9999) + bytes(512), "a header that is none"),
        (nifti_header((4, -4, 4)) + bytes(128), "4 x -4 x 4"),
        (nifti_header((4, 4, 4), offset=float("nan")) + bytes(128), "expected voxels from byte"),
        (nifti_header((4, 4, 4))[:344] + b"ni1\0", "the mark"),
    ],
)
def test_a_file_that_lies_about_itself_is_refused(niftis, tmp_path, raw, says):
    (tmp_path / "v.nii.gz").write_bytes(raw)
    assert says in refused(niftis, tmp_path / "v.nii.gz")


@pytest.mark.parametrize("kind", ["dicom", "nifti"])
def test_noise_truncation_and_flipped_bytes_never_get_past_the_reader(kind, tmp_path):
    """Whatever comes back is an image within the limits or a refusal in words; the reader serves the next file."""
    rng = np.random.default_rng(5)
    if kind == "dicom":
        whole = write_dicom(tmp_path / "whole", rng.integers(0, 4096, (9, 8)).astype(np.uint16))
    else:
        whole = write_nifti(tmp_path / "whole.nii", rng.integers(0, 99, (4, 4, 4)).astype(np.int16))
    raw = whole.read_bytes()
    cases = [rng.bytes(int(n)) for n in rng.integers(1, 3000, 40)]
    cases += [raw[:n] for n in range(0, len(raw), 7)][1:]
    for _ in range(150):
        changed = bytearray(raw)
        for place in rng.integers(0, len(raw), 3):
            changed[place] = rng.integers(256)
        cases.append(bytes(changed))
    read, faults = 0, []
    with GuardedReader(kind) as reader:
        for case in cases:
            (tmp_path / "case").write_bytes(case)
            try:
                image, _ = reader.read(tmp_path / "case")
                read += 1
                assert image.nbytes <= reader.limits.image_bytes
            except DataError as error:
                faults.append((error.got, error.remedy))
        assert reader.read(whole)[0].size and 0 < read < len(cases)
    assert len(faults) == len(cases) - read and all(all(words) for words in faults)


@pytest.mark.parametrize("name", ["absent.nii", "folder", "pipe"])
def test_what_is_no_file_is_refused_without_being_opened(niftis, tmp_path, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file of 1 to" in refused(niftis, tmp_path / name)
