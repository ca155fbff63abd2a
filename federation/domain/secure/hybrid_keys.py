"""One key out of several secrets, which is safe as long as one of them is.

The secrets are put one after the other, each with its length, and go through HKDF (extract, then expand): the
concatenating combiner CatKDF of ETSI TS 103 744, which is the hybrid shared secret Z || T of NIST SP 800-56C Rev. 2, §2
with the two-step derivation of its §5. If HMAC is a pseudorandom function in the position of any of the secrets, then
the key is as strong as the strongest of them: a secret that everybody knows (a simulated one) takes nothing away.

References
----------
.. [1] ETSI TS 103 744 V1.1.1, "Quantum-safe hybrid key exchanges", 2020.
.. [2] NIST SP 800-56C Rev. 2, "Key-derivation methods in key-establishment schemes", 2020.
.. [3] Giacon, Heuer, Poettering, "KEM combiners", PKC 2018, IACR ePrint 2018/024.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABEL = b"qfl-ethics/hybrid/v1"
MIN_SECRET_BYTES = 16
MAX_BYTES = 255 * 48  # of HKDF with SHA-384


def combine(secrets: Sequence[bytes], *, context: bytes, length: int = 32) -> bytes:
    """Derive a key from all of the secrets.

    Parameters
    ----------
    secrets : sequence of bytes
        At least one, each of 16 bytes or more, in an order that both ends know; e.g. ML-KEM's shared secret, then a key
        of the QKD link.
    context : bytes
        What the key is for, both ends and the public values included (ciphertext, key id): another context gives
        another key.
    length : int, 16 to 12240
        In bytes.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If there is no secret, one is too short, or the length is out of range.
    """
    if not secrets:
        raise ValueError("expected at least one secret, got none")
    for place, secret in enumerate(secrets):
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(
                f"expected secrets of {MIN_SECRET_BYTES} bytes or more, got {len(secret)} at place {place}"
            )
    if not MIN_SECRET_BYTES <= length <= MAX_BYTES:
        raise ValueError(f"expected a length from {MIN_SECRET_BYTES} to {MAX_BYTES} bytes, got {length}")
    material = b"".join(len(secret).to_bytes(4, "big") + secret for secret in secrets)
    info = LABEL + len(secrets).to_bytes(4, "big") + context
    return HKDF(algorithm=SHA384(), length=length, salt=None, info=info).derive(material)
