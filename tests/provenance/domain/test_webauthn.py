"""Signatures of security keys from their bytes, beside the library that the platform enrols and checks them with."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from models_registry import webauthn
from models_registry.domain.statement import StatementError
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.webauthn import verify_assertion
from tests.factories.webauthn import DOMAIN, MAKERS, ORIGIN, SoftKey, _text

TEXT = "I sign this."
CHALLENGE = hashlib.sha256(TEXT.encode()).digest()


@pytest.fixture(scope="module")
def key() -> SoftKey:
    return SoftKey()


def test_it_holds_under_every_algorithm_that_can_be_enrolled_and_the_platform_says_the_same():
    for algorithm in MAKERS:
        key = SoftKey(algorithm)
        assertion = key.signs(TEXT)
        made = verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=assertion, origin=ORIGIN)
        assert (made.origin, made.algorithm) == (ORIGIN, algorithm)
        webauthn.verify(SimpleNamespace(public_key=key.credential), TEXT, assertion, webauthn.Site(DOMAIN, ORIGIN))
        assert verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=assertion) == made


# What is done -> what the verifier says. The platform refuses each as well, when it comes in.
FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "another challenge": ({"client": {"challenge": _text(bytes(32))}}, "another statement"),
    "another origin": ({"origin": "https://evil.example"}, "expected https://ethics.example"),
    "a subdomain": ({"origin": "https://a.ethics.example"}, "expected https://ethics.example"),
    "another domain": ({"domain": "evil.example"}, "another domain"),
    "without encryption": ({"origin": "http://ethics.example"}, "no address of https"),
    "no origin": ({"origin": "null"}, "no address of https"),
    "nobody there": ({"flags": 0x04}, "nobody touched"),
    "nobody recognised": ({"flags": 0x01}, "did not recognise"),
    "a registration": ({"client": {"type": "webauthn.create"}}, "another purpose"),
    "a frame of somebody else": ({"client": {"crossOrigin": True}}, "page of somebody else"),
    "a changed signature": ({"tamper": True}, "not that of the key"),
}


def test_an_assertion_that_is_not_of_this_person_here_and_now_is_false(key):
    for name, (wrong, told) in FALSE.items():
        with pytest.raises(VerificationError) as found:
            verify_assertion(
                credential=key.credential, challenge=CHALLENGE, assertion=key.signs(TEXT, **wrong), origin=ORIGIN
            )
        assert told in str(found.value), name
        if name != "a frame of somebody else":  # the library leaves that to the browser
            with pytest.raises(StatementError):
                webauthn.verify(
                    SimpleNamespace(public_key=key.credential), TEXT, key.signs(TEXT, **wrong),
                    webauthn.Site(DOMAIN, ORIGIN),
                )  # fmt: skip


def test_what_was_signed_cannot_be_exchanged_afterwards(key):
    other = SoftKey()
    good, strange = json.loads(key.signs(TEXT)), json.loads(other.signs(TEXT))
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        mixed = {
            **good,
            "response": {**good["response"], part: json.loads(key.signs("else", flags=0x1D))["response"][part]},
        }
        with pytest.raises(VerificationError):
            verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=json.dumps(mixed))
    with pytest.raises(VerificationError, match="another security key"):
        verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=json.dumps(strange))
    other.identifier = key.identifier  # the name of the key is no proof
    with pytest.raises(VerificationError, match="not that of the key"):
        verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=other.signs(TEXT))


def test_a_domain_above_the_page_is_its_own_and_a_top_level_one_is_not(key):
    page = "https://ward.ethics.example"
    for domain, holds in ((DOMAIN, True), ("ward.ethics.example", True), ("example", False), ("ics.example", False)):
        assertion = key.signs(TEXT, origin=page, domain=domain)
        try:
            verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=assertion)
            assert holds, domain
        except VerificationError:
            assert not holds, domain


def test_what_is_no_assertion_or_no_key_is_malformed_and_never_an_accident(key):
    good = key.signs(TEXT)
    for assertion in (
        "", "null", "[]", "{}", "x" * 30_000, '{"type": "public-key"}', good.replace("public-key", "password"),
        key.signs(TEXT, more=b"more"), key.signs(TEXT, flags=0x85), key.signs(TEXT, rawId=7),
        key.signs(TEXT, rawId="ä"), key.signs(TEXT, client={"challenge": 7}), "[" * 10_000,
    ):  # fmt: skip
        with pytest.raises(FormatError):
            verify_assertion(credential=key.credential, challenge=CHALLENGE, assertion=assertion)
    small = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    weak = {1: 3, 3: -257, -1: small.n.to_bytes(128, "big"), -2: b"\x01\x00\x01"}
    cose = key.cose
    for credential in (
        "", "!", "AAAA", key.credential[:-8], key.credential_with({}), key.credential_with(weak),
        key.credential_with({**cose, 3: -65535}),  # SHA-1
        key.credential_with({**cose, 3: -8}), key.credential_with({**cose, -1: 2}),
        key.credential_with({**cose, -2: bytes(32)}),  # no point of the curve
        key.credential_with({1: 2, 3: -7}),
    ):  # fmt: skip
        with pytest.raises(FormatError):
            verify_assertion(credential=credential, challenge=CHALLENGE, assertion=good)
