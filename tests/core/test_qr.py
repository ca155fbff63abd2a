from __future__ import annotations

import hashlib

import pytest

from core import qr

TEXT = "otpauth://totp/" + "ab:@?&=" * 40


def digest(code: qr.Squares) -> str:
    return hashlib.sha256("\n".join("".join("#" if s else "." for s in row) for row in code).encode()).hexdigest()[:16]


DIGESTS = [
    (1, 21, "c8d0e46c62bf30a2"),
    (18, 25, "e19a7a704458b9f0"),
    (79, 37, "d69e9acb2b5d7bbf"),
    (100, 37, "387f7b0bcdeae246"),
    (135, 45, "2fcc10878c87aed0"),
    (200, 53, "e965f555017686ea"),
    (260, 57, "aa5f17f43e01895c"),
]


@pytest.mark.parametrize(("length", "side", "expected"), DIGESTS)
def test_the_squares_are_those_that_other_programs_draw(length, side, expected):
    """The digests are of what python-qrcode 8 draws for these texts (level L, mask 0); OpenCV reads each of them."""
    code = qr.squares(TEXT[:length])
    assert len(code) == side and digest(code) == expected


def test_a_path_has_a_unit_for_each_dark_square_inside_the_margin():
    code = qr.squares("a")
    assert qr.path(code).count("M") == sum(map(sum, code)) and qr.side(code) == 29
    assert qr.path(code).startswith("M4 4h1v1h-1z")  # the corner of a finder is dark


def test_a_text_that_does_not_fit_is_refused():
    assert len(qr.squares("x" * 271)) == 57
    with pytest.raises(ValueError, match="at most 271 bytes, got 272"):
        qr.squares("é" * 136)
