"""Overlays by hand: outlines, the picture file, and what is refused when it is read."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from federation.domain.overlays import Overlay, outline, pack, png, unpack
from federation.presentation.overlays import drawn


def overlay(beside=None) -> Overlay:
    truth = np.zeros((3, 4), bool)
    truth[1, 1:3] = True
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    return Overlay("ab12", 2, 5, {"primary": 0.5, "baseline": None}, image, truth, ~truth, beside)


def test_what_is_packed_is_read():
    (found,) = unpack(pack([overlay()]))
    assert (found.name, found.slice, found.slices, found.dice) == ("ab12", 2, 5, {"primary": 0.5, "baseline": None})
    for name in ("image", "truth", "prediction"):
        np.testing.assert_array_equal(getattr(found, name), getattr(overlay(), name))
    assert found.beside is None  # so an older worker's answer
    (found,) = unpack(pack([overlay(beside := np.eye(3, 4, dtype=bool))]))
    np.testing.assert_array_equal(found.beside, beside)


def test_the_drawing_says_what_each_model_marks():
    alone, both = drawn(overlay()), drawn(overlay(np.eye(3, 4, dtype=bool)))
    assert "the quantum model marks 10, 0 of them within the lesion." in alone.words
    assert 'class="overlay__beside" d=""' in alone.svg and "beside it" not in alone.words
    assert both.words.endswith("The model beside it marks 3, 1 of them within.") and both.words in both.svg
    assert f'class="overlay__beside" d="{outline(np.eye(3, 4, dtype=bool))}"' in both.svg


def test_an_outline_by_hand():
    assert outline(np.array([[True]])) == "M0 0h1M0 1h1M0 0v1M1 0v1"
    assert outline(np.zeros((2, 2), bool)) == ""
    assert outline(np.ones((2, 2), bool)).count("h1") == 4


def test_the_picture_is_one_that_others_read():
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(overlay().image)))), overlay().image)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [3, 5]}, {"shape": [0, 4]}, {"shape": [9999, 9999]}, {"image": "!"}, {"truth": ""}, {"shape": None},
        {"beside": "AA=="},
        {"dice": {"primary": 2}}, {"dice": {"primary": "1"}}, {"dice": {"primary": float("nan")}}, {"slice": "x"},
        {"dice": None},
    ],
)  # fmt: skip
def test_anything_else_is_refused(change):
    row = json.loads(pack([overlay()]))[0] | change
    with pytest.raises(ValueError, match=r"."):
        unpack(json.dumps([row]).encode())


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", json.dumps([{}] * 201).encode()])
def test_a_text_that_is_no_set_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        unpack(data)
