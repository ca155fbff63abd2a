"""Shamir's secret sharing of 32 bytes over a prime field: any `threshold` shares give the secret, fewer give nothing.

A share is the polynomial's value at the holder's number, 33 bytes big-endian: the field is a little over 256 bits wide.

References
----------
.. [1] Shamir, "How to share a secret", CACM 22(11), 1979.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

PRIME = 2**256 + 297  # the smallest prime over 2^256, so that any 32 bytes are an element
SECRET_BYTES = 32
SHARE_BYTES = 33


class SharesError(ValueError):
    """Shares that are too few, or no shares at all."""


def split(secret: bytes, *, threshold: int, holders: Sequence[int], random: bytes) -> dict[int, bytes]:
    """Share a secret.

    Parameters
    ----------
    secret : bytes, 32
    threshold : int, 1 to len(holders)
        So many shares give the secret; one fewer says nothing about it.
    holders : sequence of int, >= 1, each once
        The numbers at which the polynomial is taken.
    random : bytes, at least 32
        From a cryptographic source, used for this secret only: the coefficients are SHAKE-256 of it, so that the same
        sharing asked for again after a crash is the same.

    Returns
    -------
    dict of holder to 33 bytes
    """
    if len(secret) != SECRET_BYTES or len(random) < 32:
        raise SharesError(f"expected a secret of 32 bytes and 32 or more random ones, got {len(secret), len(random)}")
    if not 1 <= threshold <= len(holders) or len(set(holders)) < len(holders) or min(holders) < 1:
        raise SharesError(
            f"expected a threshold from 1 to the number of distinct holders, got {threshold} of {holders}"
        )
    wide = 48  # 128 bits more than the field, so that the remainder is uniform but for 2^-128
    stream = hashlib.shake_256(b"qfl-ethics/shamir/v1" + random).digest(wide * (threshold - 1))
    coefficients = [int.from_bytes(secret, "big")]
    coefficients += [int.from_bytes(stream[i : i + wide], "big") % PRIME for i in range(0, len(stream), wide)]
    return {holder: _value(coefficients, holder).to_bytes(SHARE_BYTES, "big") for holder in holders}


def _value(coefficients: Sequence[int], at: int) -> int:
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * at + coefficient) % PRIME
    return value


def combine(shares: Mapping[int, bytes], *, threshold: int) -> bytes:
    """The secret, from at least `threshold` shares (more than that are not looked at).

    Raises
    ------
    SharesError
        If there are too few, a share is no field element, or what comes out is no 32 bytes: then a share is wrong.
        A wrong share need not be noticed here; whoever uses the secret must notice that it does not fit.
    """
    if len(shares) < threshold:
        raise SharesError(f"expected at least {threshold} shares, got {len(shares)}")
    chosen = tuple(sorted(shares))[:threshold]
    values = [int.from_bytes(shares[holder], "big") for holder in chosen]
    if any(len(shares[holder]) != SHARE_BYTES for holder in chosen) or max(values) >= PRIME:
        raise SharesError(f"expected shares of {SHARE_BYTES} bytes under the prime")
    secret = sum(value * factor for value, factor in zip(values, _factors(chosen), strict=True)) % PRIME
    if secret >= 2 ** (8 * SECRET_BYTES):
        raise SharesError("the shares do not belong together")
    return secret.to_bytes(SECRET_BYTES, "big")


@lru_cache(maxsize=64)
def _factors(holders: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange's factors at 0; the same holders answer for many secrets of a round."""
    out = []
    for own in holders:
        above = below = 1
        for other in holders:
            if other != own:
                above = above * other % PRIME
                below = below * (other - own) % PRIME
        out.append(above * pow(below, -1, PRIME) % PRIME)
    return tuple(out)
