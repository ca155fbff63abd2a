import gzip
import io
import lzma
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from federation.domain.data.dataset import DataError
from federation.domain.data.image_files import area_mean, read_jpeg, read_tiff

PROJECT = Path(__file__).resolve().parents[4]
PEAK = """
import resource, sys
from pathlib import Path
from federation.domain.data.csv_tables import stream_rows
from federation.domain.data.dataset import DataError
from federation.domain.data.image_files import read_tiff
path, before = Path(sys.argv[1]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_tiff(path, channels=1) if path.suffix == ".tif" else list(stream_rows(path, ["a"]))
except DataError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, str(error))
"""
BOMB = bytes(96 * 2**20)


def packed_tiff(strip, compression):
    """A little-endian TIFF of 8 x 8 grey pixels in one strip, whatever the strip holds."""
    entries = {256: 8, 257: 8, 258: 8, 259: compression, 262: 1, 273: 134, 277: 1, 278: 8, 279: len(strip)}
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    head += body + struct.pack("<I", 0)
    return head + bytes(134 - len(head)) + strip


def test_bombs_cost_next_to_nothing_and_are_refused(tmp_path):
    """Each of some 100 kB and 96 MiB inflated; the peak is that of a fresh process."""
    bombs = {
        "line.csv.gz": gzip.compress(b"a,b\n" + BOMB),
        "cells.csv.gz": gzip.compress(b"a,b\n" + b'"\n",' * (2 * 10**7)),
        "deflate.tif": packed_tiff(zlib.compress(BOMB), 8),
        "adobe.tif": packed_tiff(zlib.compress(BOMB), 32946),
        "lzma.tif": packed_tiff(lzma.compress(BOMB), 34925),
    }
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
        # A process takes over the peak of the one that starts it: a shell stands between this test's and the reader's.
        command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", PEAK, str(tmp_path / name)]
        run = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True)
        added, _, words = run.stdout.partition(" ")
        assert words, f"{name} was accepted"
        assert "row of more than 65536 bytes" in words or "more bytes instead of 64" in words or "34925" in words
        assert int(added) < 24, f"{name} took {added} MiB"


def test_a_jpeg_of_many_scans_is_refused_and_an_ordinary_progressive_one_read(tmp_path):
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)).save(
        out, "JPEG", progressive=True
    )
    ordinary, path = out.getvalue(), tmp_path / "a.jpg"
    path.write_bytes(ordinary)
    assert 1 < ordinary.count(b"\xff\xda") < 12 and read_jpeg(path, least=8, enough=64).shape == (64, 64)
    last = ordinary[ordinary.rindex(b"\xff\xda") : -2]
    path.write_bytes(ordinary[:-2] + last * 500 + ordinary[-2:])
    with pytest.raises(DataError, match="a grey JPEG of 8 bits"):
        read_jpeg(path, least=8, enough=64)


def test_a_deflated_image_stored_as_differences_comes_back(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.tif", compression="tiff_adobe_deflate", tiffinfo={317: 2})
    assert (read_tiff(tmp_path / "a.tif", channels=3) == image).all()


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_uncompressed_and_deflated_images_read_alike(tmp_path, compression):
    image = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", compression=compression)
    assert (read_tiff(tmp_path / "a.tif", channels=3) == image).all()


@pytest.mark.parametrize("keep", [0, 4, 20, 100, 0.5, -1])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_truncated_file_is_one_clear_error_wherever_it_breaks_off(tmp_path, compression, keep):
    path = tmp_path / "a.tif"
    image = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)
    tifffile.imwrite(path, image, compression=compression)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match=r"a\.tif: expected a TIFF .* cannot be decoded .* Copy the file again"):
        read_tiff(path, channels=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_give_an_image_of_the_right_shape_or_a_data_error(tmp_path_factory, damage):
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    tifffile.imwrite(path, np.arange(1024, dtype=np.uint8).reshape(32, 32), compression="deflate")
    content = bytearray(path.read_bytes())
    for place, value in damage:
        content[place % len(content)] = value
    path.write_bytes(content)
    try:
        image = read_tiff(path, channels=1)
    except DataError:
        return
    assert image.ndim == 2 and image.dtype == np.uint8


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.uint16)],
    ids=["one channel", "four channels", "16 bits"],
)
def test_an_image_of_another_kind_is_refused(tmp_path, image):
    tifffile.imwrite(tmp_path / "a.tif", image)
    with pytest.raises(DataError, match=r"3 channels of 8 bits, got 1 page\(s\) of shape"):
        read_tiff(tmp_path / "a.tif", channels=3)


def test_a_stack_of_pages_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match="one page"):
        read_tiff(tmp_path / "a.tif", channels=1)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_tiff(tmp_path / "a.tif", channels=1)


def test_halving_an_image_takes_the_mean_of_four_pixels():
    image = np.array([[1, 3, 0, 0], [5, 7, 0, 8], [0, 0, 1, 1], [0, 0, 1, 1]])
    assert area_mean(image, 2).tolist() == [[4, 2], [0, 1]]


def test_three_pixels_become_two_by_shares():
    assert area_mean(np.array([[3, 6, 9]] * 3), 2) == pytest.approx(np.array([[4, 8]] * 2))


@given(st.integers(1, 24), st.integers(0, 2**32 - 1))
def test_resampling_keeps_the_mean_and_the_range(side, seed):
    image = np.random.default_rng(seed).integers(0, 256, (2, 24, 24))
    small = area_mean(image, side)
    assert small.shape == (2, side, side)
    assert small.mean(axis=(1, 2)) == pytest.approx(image.mean(axis=(1, 2)), rel=1e-4)
    assert small.min() >= image.min() - 1e-3 and small.max() <= image.max() + 1e-3


def test_images_are_never_enlarged():
    with pytest.raises(ValueError, match="from 1 to 8 px, got 9"):
        area_mean(np.zeros((8, 8)), 9)
