"""Every way in which a copy of MIMIC-CXR can be broken gives one error that names the file and the line of a table."""

import gzip
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from federation.domain.data.csv_tables import stream_rows
from federation.domain.data.dataset import DataError
from federation.domain.data.image_files import read_jpeg
from federation.domain.data.mimic_cxr import MimicCxrSource
from tests.factories.mimic_layout import Patient, Study, grey, image_path, write_mimic

PATIENTS = (
    Patient("10000001", (Study(1, labels={"Edema": "1.0"}),)),
    Patient("10000002", (Study(2),)),
)
METADATA, CHEXPERT = "mimic-cxr-2.0.0-metadata.csv.gz", "mimic-cxr-2.0.0-chexpert.csv.gz"
PEOPLE, ADMISSIONS = "hosp/patients.csv.gz", "hosp/admissions.csv.gz"


@pytest.fixture
def root(tmp_path):
    return write_mimic(tmp_path / "mimic", PATIENTS)


def load(root):
    return MimicCxrSource(root, n_sites=1, px=8).load("mimic-cxr-1")


def change(name, old, new):
    def break_it(root):
        text = gzip.decompress((root / name).read_bytes()).decode()
        assert old in text
        (root / name).write_bytes(gzip.compress(text.replace(old, new).encode("latin-1")))

    return break_it


def repeat(name, line):
    def break_it(root):
        lines = gzip.decompress((root / name).read_bytes()).decode().splitlines()
        (root / name).write_bytes(gzip.compress("\n".join([*lines, lines[line]]).encode()))

    return break_it


def cut(name, keep):
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:keep])


def remove(name):
    return lambda root: (root / name).unlink()


def image(pixels=None, mode="L", form="JPEG"):
    def break_it(root):
        drawn = Image.fromarray(grey() if pixels is None else pixels).convert(mode)
        drawn.save(image_path(root, PATIENTS[1], PATIENTS[1].studies[0]), format=form)

    return break_it


def image_bytes(edit):
    def break_it(root):
        path = image_path(root, PATIENTS[1], PATIENTS[1].studies[0])
        content = edit(path.read_bytes())
        path.unlink() if content is None else path.write_bytes(content)

    return break_it


FAULTS = {
    "no metadata": (
        remove(METADATA),
        r"metadata\.csv: expected a readable table mimic.*metadata\.csv, got No such file",
    ),
    "no labels": (remove(CHEXPERT), r"chexpert\.csv: expected a readable table"),
    "no patients": (
        remove(PEOPLE),
        r"the table hosp/patients\.csv\(\.gz\) or core/patients\.csv\(\.gz\), got neither. Put the folder",
    ),
    "no admissions": (remove(ADMISSIONS), r"the table hosp/admissions\.csv\(\.gz\) or core/admissions\.csv"),
    "no images": (lambda root: shutil.rmtree(root / "files"), "patients of mimic-cxr-1 with .* got none of 0"),
    "cut table": (cut(METADATA, 120), r"metadata\.csv\.gz: expected .* as a whole gzip file, got damaged"),
    "cut header": (cut(CHEXPERT, 5), r"chexpert\.csv\.gz: expected .* as a whole gzip file"),
    "not gzip": (
        lambda root: (root / PEOPLE).write_text("<html>"),
        r"patients\.csv\.gz: expected .* as a whole gzip file",
    ),
    "damaged gzip": (
        lambda root: (root / ADMISSIONS).write_bytes(
            (raw := (root / ADMISSIONS).read_bytes())[:30] + bytes(8) + raw[38:]
        ),
        r"admissions\.csv\.gz: expected .* as a whole gzip file",
    ),
    "empty table": (
        lambda root: (root / METADATA).write_bytes(gzip.compress(b"")),
        r"metadata\.csv\.gz, line 1: expected a header with the column subject_id, got an empty file",
    ),
    "no column of views": (change(METADATA, "ViewPosition", "View"), "line 1: .* column ViewPosition, got dicom_id"),
    "no column of the label": (change(CHEXPERT, "Edema", "Oedema"), "line 1: .* the column Edema"),
    "no column of race": (change(ADMISSIONS, ",race", ",origin"), "line 1: .* the column race or ethnicity"),
    "a cell too many": (
        change(PEOPLE, "2011 - 2013", "2011, 2013"),
        "line 2: expected 6 columns as in the header, got 7",
    ),
    "an empty line": (change(PEOPLE, "\n10000002", "\n\n10000002"), "line 3: expected 6 columns .* got an empty line"),
    "other bytes": (change(ADMISSIONS, "ENGLISH", "ENGLIS\xc9"), "line 1: expected UTF-8 text after this line"),
    "a patient's id": (change(METADATA, ",10000002,", ",../10002,"), r"csv\.gz, line 3: expected a subject_id as in"),
    "a study's id": (change(METADATA, ",50000002,", ",5000/002,"), "line 3: expected a study_id as in"),
    "an image's id": (change(METADATA, "-", "_"), "line 2: expected a dicom_id as in"),
    "a date": (change(METADATA, "21800506", "2180-05-06"), "line 2: expected a StudyDate as in"),
    "no time": (change(METADATA, "213014.53100000002", ""), "line 2: expected a StudyTime as in .* got ''"),
    "an image twice": (repeat(METADATA, 1), "line 4: expected one row an image, got a second row for"),
    "a study twice": (repeat(CHEXPERT, 1), "line 4: expected one row a study, got a second row for 50000001"),
    "a study of another": (
        change(CHEXPERT, "10000001", "10000002"),
        "line 2: expected the study's patient as in .* got another one for 50000001",
    ),
    "a label": (change(CHEXPERT, "1.0", "2.0"), "line 2: expected 1, 0, -1 or nothing for Edema, got '2.0'"),
    "a patient twice": (repeat(PEOPLE, 2), "line 4: expected one row a patient, got a second row for 10000002"),
    "a gender": (change(PEOPLE, ",F,", ",female,"), "line 2: expected the gender F, M or nothing, got 'female'"),
    "an age": (change(PEOPLE, ",52,", ",fifty,"), "line 2: expected a whole number or nothing for anchor_age"),
    "a negative age": (change(PEOPLE, ",52,", ",-52,"), "line 2: expected a whole number or nothing for anchor_age"),
    "a race": (
        change(ADMISSIONS, "WHITE", "W"),
        "line 2: expected a race that begins with AMERICAN INDIAN, .* got 'W'",
    ),
    "no image": (
        image_bytes(lambda _: None),
        r"\.jpg: expected a grey JPEG of 8 bits, 8 to 8192 px .* got No such file",
    ),
    "empty image": (image_bytes(lambda _: b""), r"\.jpg: expected a grey JPEG .* cannot be decoded"),
    "cut image": (image_bytes(lambda raw: raw[:-30]), r"\.jpg: .* cannot be decoded .* Copy the file again"),
    "cut header of an image": (image_bytes(lambda raw: raw[:60]), r"\.jpg: .* cannot be decoded"),
    "not an image": (image_bytes(lambda _: b"<html>"), r"\.jpg: .* cannot be decoded"),
    "a PNG": (image(form="PNG"), r"\.jpg: .* cannot be decoded"),
    "colours": (image(mode="RGB"), r"\.jpg: expected a grey JPEG .* got mode RGB, 40 x 48 px"),
    "a small image": (image(grey(0, (7, 64))), r"\.jpg: expected .* 8 to 8192 px a side, got mode L, 64 x 7 px"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_copy_gives_one_error_that_names_the_file(root, fault):
    break_it, says = FAULTS[fault]
    break_it(root)
    with pytest.raises(DataError, match=says) as caught:
        load(root)
    assert caught.value.file.startswith(str(root)) and caught.value.remedy
    people = (str(root), *(name for one in PATIENTS for name in (one.subject, one.studies[0].name, "p10", ".jpg")))
    assert not any(told in caught.value.public for told in people)
    assert caught.value.expected in caught.value.public and "got" not in caught.value.public


@pytest.mark.parametrize("site", ["mimic-cxr-2", "MIMIC-CXR-1", ""])
def test_an_unknown_site_names_those_of_the_set(root, site):
    with pytest.raises(DataError, match="expected a site from mimic-cxr-1 to mimic-cxr-1, got"):
        MimicCxrSource(root, n_sites=1).load(site)


def test_a_site_without_patients_is_an_error_and_not_an_empty_set(root):
    with pytest.raises(DataError, match="patients of mimic-cxr-1 with a frontal radiograph and a label, got none of 0"):
        MimicCxrSource(root, n_sites=64).load("mimic-cxr-1")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 10**6))
def test_damaged_bytes_give_an_image_of_the_right_shape_or_a_data_error(tmp_path_factory, damage, length):
    path = tmp_path_factory.mktemp("jpeg") / "a.jpg"
    Image.fromarray(np.arange(2304, dtype=np.uint8).reshape(48, 48)).save(path)
    content = bytearray(path.read_bytes())
    for place, value in damage:
        content[place % len(content)] = value
    path.write_bytes(content[: length % len(content) or None])
    try:
        pixels = read_jpeg(path, least=8, enough=8)
    except DataError:
        return
    assert pixels.ndim == 2 and pixels.dtype == np.uint8 and min(pixels.shape) >= 8


def test_a_large_file_is_decoded_at_a_reduced_scale_that_keeps_its_means(tmp_path):
    pixels = np.add.outer(np.linspace(0, 100, 640), np.linspace(0, 100, 800)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    small = read_jpeg(tmp_path / "a.jpg", least=8, enough=64)
    assert small.shape == (80, 100) and read_jpeg(tmp_path / "a.jpg", least=8, enough=641).shape == (640, 800)
    assert np.abs(small - pixels.reshape(80, 8, 100, 8).mean(axis=(1, 3))).max() < 2


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_rows_of_the_wanted_columns_or_a_data_error(tmp_path_factory, content, packed):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    content = b"a,b\n" + content
    path.with_name("t.csv.gz" if packed else "t.csv").write_bytes(gzip.compress(content) if packed else content)
    try:
        rows = list(stream_rows(path, ["b", "x|a"]))
    except DataError:
        return
    assert all(len(cells) == 2 and line >= 2 for line, cells in rows)
