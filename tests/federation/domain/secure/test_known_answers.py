"""ML-KEM-768 and ML-DSA-65 as installed, against answers that others published.

`vectors.json` is from C2SP/wycheproof. NIST's own ACVP samples could not be used: the stored copies that were found are
of the draft of FIPS 203, whose keys are made without the parameter k; what the final standard says of it is tested from
its text. The library draws its own randomness for encapsulation and signing, so those two are tested by their inverses.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

from federation.domain.secure.masks import decapsulate, encapsulate

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())


def ids(name: str) -> list[str]:
    return [f"{name}-{case['id']}-{'-'.join(case.get('flags', ()))}" for case in VECTORS[name]]


def test_the_end_of_a_key_is_what_algorithm_13_of_fips_203_makes_of_the_seed():
    d, z = bytes(range(32)), bytes(32)
    key = MLKEM768PrivateKey.from_seed_bytes(d + z).public_key().public_bytes_raw()
    assert key[-32:] == hashlib.sha3_512(d + b"\x03").digest()[:32]  # rho of G(d || k), k = 3


@pytest.mark.parametrize("case", VECTORS["mlkem_keygen"], ids=ids("mlkem_keygen"))
def test_keys_from_seeds(case):
    key = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(case["seed"])).public_key().public_bytes_raw()
    assert hashlib.sha256(key).hexdigest() == case["ek_sha256"]


@pytest.mark.parametrize("case", VECTORS["mlkem_decaps"], ids=ids("mlkem_decaps"))
def test_secrets_from_ciphertexts(case):
    secret = decapsulate(bytes.fromhex(case["seed"]), base64.b64decode(case["c"]))
    assert (secret.hex() == case["K"]) == (case["result"] == "valid")


def test_what_is_encapsulated_is_decapsulated():
    seed = bytes(range(64))
    ciphertext, secret = encapsulate(MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw())
    assert decapsulate(seed, ciphertext) == secret


@pytest.mark.parametrize("case", VECTORS["mldsa"], ids=ids("mldsa"))
def test_published_signatures(case):
    public = MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(case["seed"])).public_key()
    assert hashlib.sha256(public.public_bytes_raw()).hexdigest() == case["pk_sha256"]
    signature, message = base64.b64decode(case["sig"]), bytes.fromhex(case["msg"])
    public.verify(signature, message, bytes.fromhex(case["ctx"]) or None)
    with pytest.raises(InvalidSignature):
        public.verify(signature, message + b"!", bytes.fromhex(case["ctx"]) or None)
