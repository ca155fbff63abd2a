"""ML-KEM-768 and ML-DSA-65 as installed, against answers that others published.

NIST's ACVP sample (usnistgov/ACVP-Server at eb31c8ef, gen-val/json-files/ML-KEM-keyGen-FIPS203/internalProjection.json,
test cases 28 and 29: the ends of the key), and `vectors.json` from C2SP/wycheproof. The library draws its own randomness for
encapsulation and signing, so those two are tested by their inverses.
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
NIST = [  # d, z, the first 32 and the last 12 bytes of ek
    (
        "D0B2F2727C413E912C12DEDCB6B5B473A9DAA22ABF31CF5B584FDC2626DC4B1F",
        "F7B609BCBDF113C6120A225F238DD8913529DEF8CD5493DA6FAF638F08519B4E",
        "40086B5A359618D40F975240520C7182AA9F302B4E84151DF7A39072BCCF1BB7",
        "ADF857A047841B4F5A11B514",
    ),
    (
        "B5A3D6ACFA4BC196FCB1C0E23EEFBB4ADAE803640256B2059ACF77223442EA16",
        "C14337041B5CFA755F39D1EC0E885EEF81E7FA3A4C15EBECA8F208F4C120CFCE",
        "000202568A81D4B82014441502F0C69D69869C217D8AF22A7B19898EF7232F45",
        "C01EBF48FEB57766F73C",
    ),
]


def ids(name: str) -> list[str]:
    return [f"{name}-{case['id']}-{'-'.join(case.get('flags', ()))}" for case in VECTORS[name]]


@pytest.mark.parametrize(("d", "z", "first", "last"), NIST)
def test_nist_keys(d, z, first, last):
    key = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(d + z)).public_key().public_bytes_raw().hex().upper()
    assert len(key) == 2 * 1184
    assert key.startswith(first)
    assert key.endswith(last)


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
