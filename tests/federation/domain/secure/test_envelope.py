from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain import messages
from federation.domain.secure import certificates, envelope
from federation.domain.secure.certificates import Certificate, CertificateError
from federation.domain.secure.envelope import EnvelopeRefused, Opener, Purpose, seal

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SITE_KEY, OTHER_KEY, ISSUER = (messages.load_private(bytes([n]) * 32) for n in (1, 2, 3))
SEED, OTHER_SEED = bytes(range(64)), bytes(64)
PUBLIC, OTHER_PUBLIC = (
    MLKEM768PrivateKey.from_seed_bytes(s).public_key().public_bytes_raw() for s in (SEED, OTHER_SEED)
)
CERTIFICATE = certificates.issue("north", SITE_KEY.public_key().public_bytes_raw(), OTHER_PUBLIC, now=NOW)
PURPOSE = Purpose("run-1", 2, "train", "north", envelope.TO_COORDINATOR, "c" * 64)
PAYLOAD = envelope.pack({"masked": np.arange(5, dtype=np.uint16)})


def opener(**changed) -> Opener:
    return Opener(**{"seed": SEED, "certificates": {"north": CERTIFICATE}.get, "seen": set(), **changed})


def sealed(purpose: Purpose = PURPOSE, *, key=SITE_KEY, recipient=PUBLIC) -> bytes:
    return seal(PAYLOAD, purpose, key=key, recipient=recipient)


def test_what_is_sealed_opens_once_and_holds_the_arrays():
    mine, text = opener(), sealed()
    assert envelope.unpack(mine.open(text, PURPOSE, now=NOW))["masked"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(envelope.Replayed):
        mine.open(text, PURPOSE, now=NOW)


def test_the_payload_cannot_be_read_on_the_way_and_no_two_envelopes_are_alike():
    first, second = sealed(), sealed()
    assert PAYLOAD not in first
    assert first != second


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"run": "run-2"}, "wrong-purpose"),
        ({"round": 1}, "stale-round"),
        ({"step": "evaluate"}, "wrong-purpose"),
        ({"config_hash": "d" * 64}, "wrong-configuration"),
    ],
)
def test_an_envelope_in_the_place_of_another_is_refused(change, kind):
    with pytest.raises(envelope.WrongPurpose) as caught:
        opener().open(sealed(replace(PURPOSE, **change)), PURPOSE, now=NOW)
    assert caught.value.kind == kind


def test_a_reflected_envelope_is_refused():
    back = replace(PURPOSE, direction=envelope.TO_SITE)
    known = {"coordinator": replace(CERTIFICATE, name="coordinator")}.get
    with pytest.raises(envelope.WrongPurpose, match="direction"):
        opener(certificates=known).open(sealed(back), PURPOSE, now=NOW)


def test_one_sites_envelope_in_the_name_of_another_is_refused():
    south = replace(CERTIFICATE, name="south", signing_key=OTHER_KEY.public_key().public_bytes_raw())
    both = {"north": CERTIFICATE, "south": south}.get
    with pytest.raises(envelope.WrongPurpose, match="site north, got south"):
        opener(certificates=both).open(sealed(replace(PURPOSE, site="south"), key=OTHER_KEY), PURPOSE, now=NOW)
    with pytest.raises(envelope.WrongSignature):
        opener(certificates=both).open(sealed(key=OTHER_KEY), PURPOSE, now=NOW)


def test_strangers_and_expired_certificates_are_refused():
    with pytest.raises(envelope.UnknownSender, match="north"):
        opener(certificates={}.get).open(sealed(), PURPOSE, now=NOW)
    for then in (NOW + timedelta(days=366), NOW - timedelta(days=2)):
        with pytest.raises(envelope.CertificateExpired, match="provisioning"):
            opener().open(sealed(), PURPOSE, now=then)


def test_an_envelope_for_somebody_else_does_not_open():
    with pytest.raises(envelope.NotForUs):
        opener().open(sealed(recipient=OTHER_PUBLIC), PURPOSE, now=NOW)


def test_an_oversized_envelope_is_refused_before_anything_else():
    with pytest.raises(envelope.Oversized, match="at most 1000"):
        opener(max_bytes=1000, certificates={}.get).open(sealed(), PURPOSE, now=NOW)


TEXT = sealed()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TEXT) - 1))
def test_truncated_anywhere_it_is_refused(length):
    with pytest.raises((envelope.Malformed, envelope.WrongSignature)):
        opener().open(TEXT[:length], PURPOSE, now=NOW)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_one_changed_byte_anywhere_is_refused(place, flip):
    changed = bytearray(TEXT)
    changed[place] ^= flip
    with pytest.raises(EnvelopeRefused):
        opener().open(bytes(changed), PURPOSE, now=NOW)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=6000))
def test_noise_is_refused(noise):
    with pytest.raises(envelope.Malformed):
        opener().open(envelope.MAGIC + noise, PURPOSE, now=NOW)


def test_a_signed_envelope_with_another_box_under_the_same_header_is_refused():
    """Even the sender's own key cannot move a box under another header: the header is what the box is bound to."""
    other = sealed(replace(PURPOSE, round=3))
    header = len(TEXT) - envelope.SIGNATURE_BYTES
    start = 8 + int.from_bytes(other[4:8], "big")
    moved = TEXT[: 8 + int.from_bytes(TEXT[4:8], "big")] + other[start:header]
    with pytest.raises(envelope.NotForUs):
        opener().open(
            moved + SITE_KEY.sign(hashlib.sha512(moved).digest(), b"qfl-ethics/envelope/v1"), PURPOSE, now=NOW
        )


def test_what_is_no_safetensors_is_refused():
    for data in (b"", b"\xff" * 9, b"\x02\0\0\0\0\0\0\0{}x"):
        with pytest.raises(envelope.Malformed):
            envelope.unpack(data)


def test_a_certificate_comes_back_and_is_its_issuers():
    signature = certificates.sign(CERTIFICATE, ISSUER)
    assert Certificate.from_dict(CERTIFICATE.as_dict()) == CERTIFICATE
    certificates.verify(CERTIFICATE, signature, ISSUER.public_key())
    for certificate, issuer in [(replace(CERTIFICATE, not_after=2**40), ISSUER), (CERTIFICATE, OTHER_KEY)]:
        with pytest.raises(CertificateError):
            certificates.verify(certificate, signature, issuer.public_key())
    for raw in ({}, {**CERTIFICATE.as_dict(), "signing_key": "é"}, {**CERTIFICATE.as_dict(), "not_after": "x"}):
        with pytest.raises(CertificateError):
            Certificate.from_dict(raw)
