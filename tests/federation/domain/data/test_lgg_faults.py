"""Every way in which a copy of the glioma set can be broken gives one error that names the file."""

import shutil

import numpy as np
import pytest
import tifffile

from federation.domain.data.dataset import DataError
from federation.domain.data.lgg import LggSource

FOLDER = "TCGA_CS_4941_19960909"
HEADER = "Patient;gender;age_at_initial_pathologic;race;ethnicity"
GOOD_ROW = "TCGA_CS_4941;1;67;3;2"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "lgg"
    (root / FOLDER).mkdir(parents=True)
    for n in (1, 2):
        image = np.random.default_rng(n).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        tifffile.imwrite(root / FOLDER / f"{FOLDER}_{n}.tif", image, photometric="rgb", compression="deflate")
        tifffile.imwrite(root / FOLDER / f"{FOLDER}_{n}_mask.tif", np.zeros((32, 32), np.uint8))
    (root / "data.csv").write_text(f"{HEADER}\n{GOOD_ROW}\n")
    return root


def slice_file(root, n=2):
    return root / FOLDER / f"{FOLDER}_{n}.tif"


def mask_file(root, n=2):
    return root / FOLDER / f"{FOLDER}_{n}_mask.tif"


def put_mask(root, value=0, shape=(32, 32)):
    tifffile.imwrite(mask_file(root), np.full(shape, value, np.uint8))


def cut(path):
    path.write_bytes(path.read_bytes()[:-40] if path.stat().st_size > 40 else b"")


FAULTS = {
    "no mask": (lambda root: mask_file(root).unlink(), "2_mask.tif: expected a mask for slice 2, got a slice alone"),
    "no slice": (lambda root: slice_file(root).unlink(), "2.tif: expected a slice for slice 2, got a mask alone"),
    "mask of another shape": (lambda root: put_mask(root, shape=(16, 16)), "shape of its slice, 32 x 32, got 16 x 16"),
    "mask of another code": (lambda root: put_mask(root, value=1), "2_mask.tif: expected a mask of 0 and 255 only"),
    "truncated slice": (lambda root: cut(slice_file(root)), "2.tif: expected a TIFF of one page, 3 channels"),
    "truncated mask": (lambda root: cut(mask_file(root)), "2_mask.tif: expected a TIFF of one page, 1 channel"),
    "empty slice": (lambda root: slice_file(root).write_bytes(b""), "2.tif: expected a TIFF"),
    "not an image": (lambda root: slice_file(root).write_text("<html>"), "2.tif: expected a TIFF"),
    "slice of one channel": (lambda root: shutil.copy(mask_file(root), slice_file(root)), "3 channels of 8 bits, got"),
    "mask of three channels": (lambda root: shutil.copy(slice_file(root), mask_file(root)), "1 channel of 8 bits, got"),
    "oblong slice": (
        lambda root: tifffile.imwrite(slice_file(root), np.zeros((32, 40, 3), np.uint8)),
        "a square image of at least 16 px, got 32 x 40",
    ),
    "strange file": (lambda root: (root / FOLDER / "notes.txt").write_text("x"), "notes.txt: expected"),
    "slice of another patient": (
        lambda root: slice_file(root).rename(root / FOLDER / "TCGA_CS_4942_19970222_2.tif"),
        "TCGA_CS_4942_19970222_2.tif: expected the name of the folder and _<n>.tif",
    ),
    "strange folder": (lambda root: (root / "kaggle_3m").mkdir(), "kaggle_3m: expected a folder named TCGA_"),
    "unknown institution": (lambda root: (root / "TCGA_XX_4941_19960909").mkdir(), "expected a folder named TCGA_"),
    "patient twice": (lambda root: (root / "TCGA_CS_4941_19970101").mkdir(), "expected one folder a patient"),
    "no folder": (lambda root: shutil.rmtree(root), "lgg: expected a readable folder, got No such file"),
    "no table": (lambda root: (root / "data.csv").unlink(), "data.csv: expected the table of demographics"),
    "no patients of the site": (lambda root: shutil.rmtree(root / FOLDER), "patients of site cs .* got none"),
    "only empty patients": (
        lambda root: [path.unlink() for path in (root / FOLDER).iterdir()],
        "patients of site cs .* got 1 folders without any slice",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_copy_gives_one_error_that_names_the_file(root, fault):
    break_it, says = FAULTS[fault]
    break_it(root)
    with pytest.raises(DataError, match=says) as caught:
        LggSource(root, px=16).load("cs")
    assert str(root) in caught.value.file and caught.value.remedy
    assert not any(told in caught.value.public for told in (str(root), "TCGA_CS_4", "_1996", "_1997", "notes"))


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        ([GOOD_ROW, "TCGA_CS_4942;1;67;3"], 3, "5 columns as in the header, got 4"),
        ([GOOD_ROW, "", "TCGA_CS_4942;1;67;3;2"], 3, "5 columns as in the header, got 0"),
        ([GOOD_ROW, "TCGA_CS_4942;1;old;3;2"], 3, "a number or nothing for age_at_initial_pathologic, got 'old'"),
        (["TCGA_CS_4941;1;-5;3;2"], 2, "a number or nothing for age_at_initial_pathologic"),
        (["TCGA_CS_4941;1;nan;3;2"], 2, "a number or nothing"),
        (["TCGA_CS_4941;1;670;3;2"], 2, "an age from 1 to 120 years, got 670"),
        (["TCGA_CS_4941;3;67;3;2"], 2, "a code from 1 to 2 or nothing for gender, got 3"),
        (["TCGA_CS_4941;1;67;2.5;2"], 2, "a code from 1 to 9 or nothing for race, got 2.5"),
        ([GOOD_ROW, GOOD_ROW], 3, "one row a patient, got a second row for TCGA_CS_4941"),
        ([";1;67;3;2"], 2, "one row a patient, got no patient"),
    ],
)
def test_a_faulty_row_of_the_table_is_named(root, rows, line, says):
    (root / "data.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    with pytest.raises(DataError, match=rf"data\.csv, line {line}: expected") as caught:
        LggSource(root, px=16).load("cs")
    assert says in str(caught.value)
    assert caught.value.public.startswith(f"data.csv, line {line}: expected") and "4941" not in caught.value.public


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1: expected a header .* got none named Patient, gender"),
        (b"Patient;gender;race;ethnicity\n", "line 1: .* got none named age_at_initial_pathologic"),
        (HEADER.encode() + b"\nTCGA_CS_4941;1;67;\xff;2\n", "line 2: expected UTF-8 text"),
    ],
)
def test_a_table_of_another_kind_is_named(root, content, says):
    (root / "data.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"data\.csv, {says}"):
        LggSource(root, px=16).load("cs")


def test_images_are_not_enlarged(root):
    with pytest.raises(DataError, match="a square image of at least 64 px, got 32 x 32. Ask for a smaller px"):
        LggSource(root, px=64).load("cs")


@pytest.mark.parametrize("site", ["CS", "xx", ""])
def test_an_unknown_site_names_those_of_the_set(root, site):
    with pytest.raises(DataError, match="one of the sites cs, du, ez, fg, ht"):
        LggSource(root).load(site)
