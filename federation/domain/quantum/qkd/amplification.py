"""Privacy amplification: how long a key may be after somebody may have listened, and the hash that shortens it.

References
----------
.. [1] Tomamichel, Lim, Gisin, Renner, "Tight finite-key analysis for quantum cryptography", Nature Communications 3
   (2012), 634, arXiv:1103.4130.
.. [2] Krawczyk, "LFSR-based hashing and authentication", CRYPTO 1994 (Toeplitz matrices are universal).
"""

from __future__ import annotations

import math

import numpy as np


def entropy(share: float) -> float:
    """Binary entropy in bits; 1 from one half on, where an eavesdropper may know everything."""
    if share <= 0:
        return 0.0
    if share >= 0.5:
        return 1.0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def deviation(n: int, k: int, eps_secret: float) -> float:
    """How much worse than its sample of `k` the error rate of `n` unseen bits may be [1]_ (the statistical term mu)."""
    return math.sqrt((n + k) / (n * k) * (k + 1) / k * math.log(4 / eps_secret))


def secure_length(n: int, k: int, *, qber: float, leaked: int, eps_secret: float, eps_correct: float) -> int:
    """Bits that may be kept of `n`: n (1 - h(qber + mu)) - leaked - log2(2 / (eps_secret² eps_correct)).

    The last term's log2(1 / eps_correct) is the hash that was compared, counted in whole bits.

    Parameters
    ----------
    n : int, 1 or more
        Bits of the corrected key.
    k : int, 1 or more
        Bits of the other basis that were compared.
    qber : float
        Error rate of those.
    leaked : int
        Parities said in public.
    eps_secret, eps_correct : float, over 0 and under 1

    Returns
    -------
    int
        0 or more, in whole bits.
    """
    if n < 1 or k < 1:
        raise ValueError(f"expected a key and a sample of 1 bit or more, got {n} and {k}")
    if not (0 < eps_secret < 1 and 0 < eps_correct < 1):
        raise ValueError(f"expected failure probabilities over 0 and under 1, got {eps_secret} and {eps_correct}")
    unknown = n * (1 - entropy(qber + deviation(n, k, eps_secret)))
    return max(0, math.floor(unknown - leaked - tag_bits(eps_correct) - math.log2(2 / eps_secret**2)))


def tag_bits(eps_correct: float) -> int:
    """Length of the hash by which the two ends compare their keys; `secure_length` takes it off."""
    return math.ceil(math.log2(1 / eps_correct))


def toeplitz(bits: np.ndarray, seed: np.ndarray, length: int) -> np.ndarray:
    """Multiply by the Toeplitz matrix of `seed` over GF(2): row i is seed[i : i + n] read backwards.

    Parameters
    ----------
    bits, seed : uint8 arrays of 0 and 1
        The seed has len(bits) + length - 1 of them and may be public.
    length : int
        Of the result.

    Returns
    -------
    uint8 array of 0 and 1
        By a Fourier transform: the counts stay far under the 2**53 that doubles hold exactly.
    """
    n = len(bits)
    if len(seed) != n + length - 1:
        raise ValueError(f"expected a seed of {n + length - 1} bits, got {len(seed)}")
    size = 1 << (n + len(seed) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(bits, size) * np.fft.rfft(seed, size), size)
    return (np.rint(product[n - 1 : n - 1 + length]).astype(np.int64) & 1).astype(np.uint8)
