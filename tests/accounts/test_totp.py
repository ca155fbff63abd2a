"""Against the vectors of RFC 6238, appendix B (SHA-1, their last six digits)."""

from __future__ import annotations

import base64

import pytest

from accounts import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_the_codes_are_those_of_the_standard(seconds, code):
    assert totp.code_at(SECRET, totp.step_of(seconds)) == code


@pytest.mark.parametrize(
    ("drift", "after", "found"),
    [
        (0, 0, 100), (-1, 0, 99), (1, 0, 101),  # a clock half a minute off, either way
        (-2, 0, None), (2, 0, None),
        (0, 99, 100), (0, 100, None), (-1, 100, None), (1, 100, 101),  # used ones, and older ones, are refused
    ],
)  # fmt: skip
def test_a_code_is_taken_once_and_near_its_time(drift, after, found):
    typed = totp.code_at(SECRET, 100 + drift)
    assert totp.matching_step(SECRET, typed, now=100 * 30 + 12.5, after=after) == found


def test_what_is_no_code_fits_no_step():
    assert all(totp.matching_step(SECRET, typed, now=3000.0, after=0) is None for typed in ("", "12345", "é" * 6))


def test_a_secret_is_long_and_its_link_is_what_apps_read():
    secret = totp.new_secret()
    assert len(base64.b32decode(secret)) == 20 and secret != totp.new_secret()
    assert totp.link("ABC", "a@b.example") == (
        "otpauth://totp/QFL-ETHICS:a@b.example?secret=ABC&issuer=QFL-ETHICS&algorithm=SHA1&digits=6&period=30"
    )
    assert totp.in_groups("ABCDEFGHIJ") == "ABCD EFGH IJ"
