"""The other way round: Go makes a key and signs, our code opens the note and refuses it damaged."""

from __future__ import annotations

import base64

import pytest

from provenance.domain.checkpoint import Checkpoint, open_checkpoint
from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.errors import LedgerError
from provenance.domain.note import parse_note, verify_note

TREE = Checkpoint("hospital.example/log", 70_000, bytes(range(32)))
KINDS = {1: "Ed25519", 4: "Ed25519 cosignature", 6: "ML-DSA-44"}
TIME = 1_788_000_123


def signed_by_go(go, kind: int, name: str = TREE.origin) -> tuple[bytes, str]:
    found = go("sign", name=name, kind=kind, time=TIME, text=TREE.text)
    assert "error" not in found, found
    return base64.b64decode(found["note"]), found["key"]


@pytest.mark.parametrize("kind", KINDS, ids=KINDS.values())
def test_we_open_what_go_signed(go, kind):
    note, vkey = signed_by_go(go, kind)
    verifier = verifier_from_vkey(vkey)
    assert verifier.vkey == vkey
    opened = open_checkpoint(note, origin=TREE.origin, log_keys=[verifier])
    assert opened.checkpoint == TREE
    (signature,) = opened.log_signatures
    assert signature.timestamp == (None if kind == 1 else TIME)


@pytest.mark.parametrize("kind", KINDS, ids=KINDS.values())
def test_we_refuse_what_go_signed_once_a_byte_is_flipped(go, kind):
    note, vkey = signed_by_go(go, kind)
    verifier = verifier_from_vkey(vkey)
    for at in range(0, len(note), max(1, len(note) // 150)):
        damaged = bytearray(note)
        damaged[at] ^= 1
        with pytest.raises(LedgerError):
            verify_note(parse_note(bytes(damaged)), [verifier])


def test_a_witness_in_go_cosigns_our_checkpoint(go, log_of, vkeys):
    """Go's signature line under our note: our code counts it towards the quorum."""
    ours = log_of(257)
    text = parse_note(ours.note).text
    found = go("sign", name="go-witness.example", kind=6, time=TIME, text=text)
    line = base64.b64decode(found["note"]).split(b"\n\n", 1)[1]
    keys = [verifier_from_vkey(vkey) for name, vkey in vkeys.items() if name.endswith("log")]
    opened = open_checkpoint(
        ours.note + line, origin=TREE.origin, log_keys=keys, witnesses=[verifier_from_vkey(found["key"])], quorum=1
    )
    assert [(v.name, v.timestamp) for v in opened.cosignatures] == [("go-witness.example", TIME)]
