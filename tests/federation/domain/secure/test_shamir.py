from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.secure import shamir
from federation.domain.secure.shamir import SharesError, combine, split

SECRET, RANDOM = bytes(range(32)), bytes(range(100, 132))


def test_the_modulus_is_prime_and_the_next_after_256_bits():
    def is_prime(n: int) -> bool:  # Miller-Rabin; 40 bases
        odd, twos = n - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        for base in range(2, 42):
            x = pow(base, odd, n)
            if x not in {1, n - 1} and not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
                return False
        return True

    assert is_prime(shamir.PRIME)
    assert not any(is_prime(n) for n in range(2**256 + 1, shamir.PRIME, 2))


def test_by_hand_two_points_of_a_line_give_its_height_at_zero():
    line = {x: (5 + 7 * x).to_bytes(33, "big") for x in (1, 4)}
    assert combine(line, threshold=2) == (5).to_bytes(32, "big")


def test_every_two_thirds_of_five_give_the_secret():
    shares = split(SECRET, threshold=3, holders=range(1, 6), random=RANDOM)
    for chosen in itertools.combinations(shares, 3):
        assert combine({holder: shares[holder] for holder in chosen}, threshold=3) == SECRET


def test_two_of_three_shares_fit_every_secret():
    """For any other secret there is a polynomial through the same two shares: they say nothing."""
    shares = split(SECRET, threshold=3, holders=[1, 2, 3], random=RANDOM)
    y1, y2 = (int.from_bytes(shares[x], "big") for x in (1, 2))
    other = 12345  # f(0); the parabola through (0, other), (1, y1), (2, y2) at 3 is 3 y2 - 3 y1 + other
    y3 = (3 * y2 - 3 * y1 + other) % shamir.PRIME
    forged = {1: shares[1], 2: shares[2], 3: y3.to_bytes(33, "big")}
    assert combine(forged, threshold=3) == other.to_bytes(32, "big")


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 8), st.integers(0, 4), st.binary(min_size=32, max_size=32))
def test_any_secret_comes_back(secret, threshold, more, random):
    shares = split(secret, threshold=threshold, holders=range(1, threshold + more + 1), random=random)
    last = dict(sorted(shares.items())[more:])
    assert combine(last, threshold=threshold) == secret


def test_the_same_randomness_gives_the_same_shares_and_other_randomness_others():
    first, again = (split(SECRET, threshold=2, holders=[1, 2], random=RANDOM) for _ in range(2))
    other = split(SECRET, threshold=2, holders=[1, 2], random=bytes(32))
    assert first == again
    assert first[1] != other[1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: split(b"short", threshold=2, holders=[1, 2], random=RANDOM),
        lambda: split(SECRET, threshold=2, holders=[1, 2], random=b"few"),
        lambda: split(SECRET, threshold=3, holders=[1, 2], random=RANDOM),
        lambda: split(SECRET, threshold=2, holders=[0, 1], random=RANDOM),
        lambda: split(SECRET, threshold=2, holders=[1, 1], random=RANDOM),
        lambda: combine({1: bytes(33)}, threshold=2),
        lambda: combine({1: bytes(32), 2: bytes(33)}, threshold=2),
        lambda: combine({1: b"\xff" * 33, 2: bytes(33)}, threshold=2),
    ],
)
def test_what_is_refused(wrong):
    with pytest.raises(SharesError):
        wrong()
