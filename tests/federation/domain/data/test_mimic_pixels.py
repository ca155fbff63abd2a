"""Radiographs as images, and the DICOMs of MIMIC-CXR in the place of the JPEGs."""

import numpy as np
import pytest

from federation.domain.data.dataset import DataError
from federation.domain.data.mimic_cxr import MimicCxrSource
from federation.domain.data.mimic_pixels import equalised, published_grey
from federation.domain.data.registry import open_source
from tests.factories.mimic_layout import Patient, Study, image_path, write_mimic


def chest(seed=0, shape=(64, 48)):
    """Twelve-bit values of a smooth image, each grey about equally often."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.linspace(0, 3, shape[0]), np.linspace(0, 2, shape[1]), indexing="ij")
    values = np.sin(x + rng.uniform()) * np.cos(y) + 0.01 * rng.standard_normal(shape)
    ranks = np.empty(values.size, dtype=np.int64)
    ranks[values.ravel().argsort()] = np.arange(values.size)
    return (ranks.reshape(shape) * 4095 // (values.size - 1)).astype(np.uint16)


def load(root, **options):
    return MimicCxrSource(root, n_sites=1, **options).load("mimic-cxr-1")


def one(number, **study):
    return Patient(str(10_000_000 + number), (Study(number, **study),))


def test_grey_is_shifted_stretched_turned_and_equalised():
    stored = np.array([[1000, 1001], [1001, 1003]], dtype=np.uint16)
    # greys 0, 85, 85, 255; of the three pixels above the darkest, two are up to 85 and three up to 255
    assert published_grey(stored, inverted=False).tolist() == [[0, 170], [170, 255]]
    # turned: 255, 170, 170, 0
    assert published_grey(stored, inverted=True).tolist() == [[255, 170], [170, 0]]
    signed = np.array([[-3, -2], [-2, 0]], dtype=np.int16)
    assert published_grey(signed, inverted=False).tolist() == [[0, 170], [170, 255]]
    assert not published_grey(np.full((3, 3), 7, np.uint16), inverted=True).any()


def test_an_even_histogram_stays_as_it_is():
    counts = np.full(256, 10)
    assert np.array_equal(equalised(counts), np.arange(256))


@pytest.mark.parametrize("inverted", [False, True])
def test_a_dicom_loads_like_the_jpeg_made_of_it(tmp_path, inverted):
    stored = chest()
    grey = published_grey(stored, inverted=inverted)
    jpeg = write_mimic(tmp_path / "jpeg", [one(1, pixels=grey), one(2, pixels=grey)])
    dicom = write_mimic(tmp_path / "dicom", [one(1, dicom_of=(stored, inverted)), one(2, pixels=grey)])
    for options in ({"px": 4}, {"px": 16, "form": "image"}):
        expected, found = load(jpeg, **options), load(dicom, **options)
        assert np.allclose(found.x, expected.x, atol=0.02) and found.record_ids == expected.record_ids
        assert "1 of 2 radiographs read from DICOM, greyed as the JPEGs were" in found.report.notes
        assert not [note for note in expected.report.notes if "DICOM" in note]


def test_images_are_area_means_from_black_to_white(tmp_path):
    pixels = np.zeros((64, 32), np.uint8)
    pixels[:16, :16] = 255
    write_mimic(tmp_path, [one(1, pixels=pixels), one(2, pixels=pixels)])
    data = load(tmp_path, px=16, form="image")
    assert data.x.shape == (2, 1, 16, 16) and data.x.dtype == np.float32 and data.task == "classification"
    assert data.feature_names == ("radiograph",) and data.y.tolist() == [0, 0]
    assert np.allclose(data.x[0, 0, :4, :8], 1, atol=0.02) and np.allclose(data.x[0, 0, 4:], 0, atol=0.02)
    assert "images: means of 16 x 16 equal areas of the whole image" in data.report.notes


@pytest.mark.parametrize(
    ("dicom_of", "says"),
    [
        ((np.zeros((64, 8), np.uint16), False), "a radiograph of at least 16 px a side, got 8 x 64 px"),
        ((np.zeros((64, 64), np.uint32), False), "32 bits"),
    ],
)
def test_a_dicom_that_is_no_radiograph_stops_the_load(tmp_path, dicom_of, says):
    patient = one(1, dicom_of=dicom_of)
    write_mimic(tmp_path, [patient])
    with pytest.raises(DataError) as caught:
        load(tmp_path, px=16, form="image")
    assert says in str(caught.value) and caught.value.file.endswith(".dcm")


def test_a_radiograph_that_is_in_neither_form_is_missed_as_a_jpeg(tmp_path):
    patient = one(1)
    write_mimic(tmp_path, [patient])
    image_path(tmp_path, patient, patient.studies[0]).unlink()
    with pytest.raises(DataError, match="No such file"):
        load(tmp_path, px=16, form="image")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("px=8&form=image", "form=image with px=8, which takes px from 16 to 256 and a multiple of 4"),
        ("px=18&form=image", "a multiple of 4"),
        ("px=64", "form=areas with px=64, which takes px from 4 to 32"),
        ("form=volume", "form as one of areas, image, got 'volume'"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(query, says):
    with pytest.raises(DataError, match=says):
        open_source(f"mimic_cxr:/data?{query}")
