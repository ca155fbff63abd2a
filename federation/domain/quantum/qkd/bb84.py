"""BB84 with biased bases, as a simulation: photons, an eavesdropper, and the key that is left.

The rectilinear basis makes the key and the diagonal basis measures who listened, so that every diagonal position is a
sample of the phase errors of the key. What the simulation hands out has the length that a real link would have had, and
no confidentiality at all: whoever reads the process's memory reads the key. It is marked ``simulated`` everywhere.

References
----------
.. [1] Bennett, Brassard, "Quantum cryptography: public key distribution and coin tossing", 1984; reprinted in
   Theoretical Computer Science 560 (2014).
.. [2] Lo, Chau, Ardehali, "Efficient quantum key distribution scheme", J. Cryptology 18 (2005), arXiv:quant-ph/0011056.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from federation.domain.intervals import clopper_pearson
from federation.domain.quantum.qkd import amplification, cascade
from federation.domain.quantum.qkd.limits import QBER_LIMIT

KEY_BASIS, TEST_BASIS = 0, 1  # rectilinear, diagonal
NOT_INTERCEPTED = -1


@dataclass(frozen=True)
class Channel:
    """What lies between the two ends.

    Attributes
    ----------
    loss : float, 0 to 1
        Share of photons that never arrive.
    error : float, 0 to 0.5
        Probability that an arriving bit is flipped, whoever listens.
    dark : float, 0 to 1
        Probability that the detector clicks at random where no photon arrived.
    intercept : float, 0 to 1
        Share of photons that an eavesdropper measures in a basis of her own and sends on as she found them.
    """

    loss: float = 0.2
    error: float = 0.015
    dark: float = 1e-5
    intercept: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("loss", 1.0), ("error", 0.5), ("dark", 1.0), ("intercept", 1.0)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"expected {name} from 0 to {most:g}, got {value!r}")


@dataclass(frozen=True)
class Pulses:
    """What was sent, intercepted and received, one entry a pulse; only the simulation sees all of it."""

    bits: np.ndarray
    bases: np.ndarray
    tapped: np.ndarray  # the eavesdropper's basis, or NOT_INTERCEPTED
    measured_bases: np.ndarray
    measured: np.ndarray  # only where detected
    detected: np.ndarray


@dataclass(frozen=True)
class Session:
    """One run of the protocol.

    Attributes
    ----------
    pulses, detected : int
    key_positions : int
        Sifted bits that could become key.
    sample : int
        Sifted bits of the other basis, all of them compared in public.
    sample_errors : int
    qber_upper : float
        One-sided 99.9 % Clopper-Pearson bound of the error rate of the sample.
    key_errors : int
        Bits that error correction flipped.
    leaked : int
        Parities that error correction said in public; 0 if it was not reached.
    secure_bits : int
        Length of the key; 0 if it died.
    refusal : str
        Why there is no key; empty if there is one.
    key : bytes
        `secure_bits` rounded down to whole bytes.
    """

    pulses: int
    detected: int
    key_positions: int
    sample: int
    sample_errors: int
    qber_upper: float
    key_errors: int
    leaked: int
    secure_bits: int
    refusal: str
    key: bytes = field(repr=False)
    simulated: bool = True

    @property
    def qber(self) -> float | None:
        """Quantum bit error rate of the sample; None if nothing arrived."""
        return self.sample_errors / self.sample if self.sample else None

    @property
    def rate(self) -> float:
        """Secure bits a pulse."""
        return self.secure_bits / self.pulses


def transmit(channel: Channel, pulses: int, *, rng: np.random.Generator, key_basis_share: float = 0.7) -> Pulses:
    """Send `pulses` photons through the channel, with ideal preparation and one photon a pulse."""
    bits = rng.integers(0, 2, pulses, dtype=np.uint8)
    bases = (rng.random(pulses) >= key_basis_share).astype(np.int8)
    tapped = np.where(rng.random(pulses) < channel.intercept, rng.integers(0, 2, pulses), NOT_INTERCEPTED)
    wrong = (tapped != NOT_INTERCEPTED) & (tapped != bases)
    flying = np.where(wrong, rng.integers(0, 2, pulses), bits).astype(np.uint8)
    flying_bases = np.where(tapped == NOT_INTERCEPTED, bases, tapped)
    measured_bases = (rng.random(pulses) >= key_basis_share).astype(np.int8)
    random_bits = rng.integers(0, 2, pulses, dtype=np.uint8)
    measured = np.where(flying_bases == measured_bases, flying, random_bits)
    measured = measured ^ (rng.random(pulses) < channel.error).astype(np.uint8)
    arrived = rng.random(pulses) >= channel.loss
    dark = ~arrived & (rng.random(pulses) < channel.dark)
    measured = np.where(dark, rng.integers(0, 2, pulses, dtype=np.uint8), measured)
    return Pulses(bits, bases, tapped, measured_bases, measured, arrived | dark)


def run(
    channel: Channel,
    *,
    rng: np.random.Generator,
    pulses: int = 1 << 17,
    eps_secret: float = 1e-10,
    eps_correct: float = 1e-15,
) -> Session:
    """One session: transmit, sift, estimate, correct, verify, shorten.

    Parameters
    ----------
    channel : Channel
    rng : numpy.random.Generator
        Of everything random, also the hash that shortens the key.
    pulses : int, 1 or more
    eps_secret, eps_correct : float
        How far the key may be from secret, and how likely the two ends may differ.

    Returns
    -------
    Session
    """
    if pulses < 1:
        raise ValueError(f"expected 1 pulse or more, got {pulses}")
    sent = transmit(channel, pulses, rng=rng)
    sifted = sent.detected & (sent.bases == sent.measured_bases)
    in_key, in_test = sifted & (sent.bases == KEY_BASIS), sifted & (sent.bases == TEST_BASIS)
    n, k = int(in_key.sum()), int(in_test.sum())
    errors = int((sent.bits[in_test] != sent.measured[in_test]).sum())
    seen: dict[str, Any] = {
        "pulses": pulses, "detected": int(sent.detected.sum()), "key_positions": n, "sample": k,
        "sample_errors": errors, "qber_upper": upper_bound(errors, k),
    }  # fmt: skip

    def dead(refusal: str, **more: Any) -> Session:
        return Session(**{**seen, "key_errors": 0, "leaked": 0, **more}, secure_bits=0, refusal=refusal, key=b"")

    if k == 0 or n == 0:
        return dead("too few photons arrived to estimate the error rate")
    if errors / k >= QBER_LIMIT:
        return dead(f"the error rate of {errors / k:.1%} is not under {QBER_LIMIT:.0%}: somebody may be listening")
    reference = sent.bits[in_key]
    fixed = cascade.correct(reference, sent.measured[in_key], qber=max(errors / k, 1 / n), rng=rng)
    spent: dict[str, Any] = {"key_errors": fixed.flipped, "leaked": fixed.leaked}
    check = amplification.tag_bits(eps_correct)
    seed = rng.integers(0, 2, n + check - 1, dtype=np.uint8)
    if (amplification.toeplitz(reference, seed, check) != amplification.toeplitz(fixed.bits, seed, check)).any():
        return dead("error correction left the two ends with different keys", **spent)
    length = amplification.secure_length(
        n, k, qber=errors / k, leaked=fixed.leaked, eps_secret=eps_secret, eps_correct=eps_correct
    )
    length -= length % 8
    if length == 0:
        return dead("after the eavesdropper's possible knowledge is taken off, no bit is left", **spent)
    seed = rng.integers(0, 2, n + length - 1, dtype=np.uint8)
    key = np.packbits(amplification.toeplitz(fixed.bits, seed, length)).tobytes()
    return Session(**seen, **spent, secure_bits=length, refusal="", key=key)


def upper_bound(errors: int, sample: int, confidence: float = 0.999) -> float:
    """One-sided Clopper-Pearson bound of a rate; 1 if nothing was sampled."""
    return clopper_pearson(errors, sample, 2 * confidence - 1)[1] if sample else 1.0
