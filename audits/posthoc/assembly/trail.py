"""The audit trail: what its verification found, whether it is complete, and the evidence named by digest."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from audits.posthoc.assembly.records import model_id, versions
from audits.posthoc.assembly.window import Window, instant, label, prose
from core import artefacts
from provenance.domain.merkle import EMPTY_ROOT
from provenance.models import Anchor, ChainState, Checkpoint
from provenance.replay import replay
from provenance.verification import Verification, verify_ledger
from provenance.witnesses import witness_rows

HASHED = 100_000  # predictions, and as many outcomes, whose content is hashed; all are counted


def audit_trail(generated_at: dt.datetime) -> dict[str, Any]:
    """Verify the ledger as it stands now. The signed checkpoint gives size and root: both can be checked by others."""
    found, checkpoint = verify_ledger(), Checkpoint.objects.first()
    replayed = replay(hashed=HASHED)
    return {
        "entries": checkpoint.size if checkpoint else found.entries,
        "root_sha256": bytes(checkpoint.root).hex() if checkpoint else (found.root or EMPTY_ROOT.hex()),
        "checkpoint": prose(checkpoint.note) if checkpoint else "No checkpoint was signed yet.",
        "verified_at": instant(generated_at),
        **_outcome(found, checkpoint),
        "completeness": {
            "expected": replayed.expected,
            "found": replayed.found,
            "bulk": replayed.bulk_expected,
            "hashed": replayed.bulk_hashed,
        },
        "anchor": _anchor(checkpoint),
        "witnesses": [label(f"{w.name}, up to {w.size} entries") for w in witness_rows() if w.is_active and w.size],
    }


def _outcome(found: Verification, checkpoint: Checkpoint | None) -> dict[str, Any]:
    if not found.ok:
        return {"verdict": "FAILED", "reason": prose("; ".join(found.problems) + ".")}
    if checkpoint is None:
        return {"verdict": "NOT VERIFIED", "reason": "No checkpoint was signed yet, so there was nothing to compare."}
    return {"verdict": "VERIFIED", "reason": None}


def _anchor(checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    rows = Anchor.objects.filter(state=Anchor.State.FINAL, checkpoint_id__lte=checkpoint.size if checkpoint else 0)
    anchor, chain = rows.order_by("-checkpoint_id").first(), ChainState.objects.first()
    if anchor is None or chain is None:
        return None
    return {
        "size": anchor.checkpoint_id,
        "transaction_hash": anchor.tx_hash,
        "chain_id": chain.chain_id,
        "operated_by": (
            "the operator of this platform: it adds no independent trust"
            if chain.embedded
            else "a chain outside this platform; who runs it is not on record here"
        ),
    }


# --- annex ---------------------------------------------------------------------------------------------------------


def evidence(window: Window) -> list[dict[str, Any]]:
    """Files of the period whose bytes were read and found to fit their digest just now."""
    found = []
    for version in window.once(versions):
        if not window.holds(version.created_at):
            continue
        try:
            data = artefacts.get(version.weights_digest)
        except artefacts.ArtefactError:
            continue  # not in the store: no evidence that could be named
        found.append(_item(f"WGT-{model_id(version)}", f"Weights of {version}", "application/octet-stream", data))
    checkpoint = Checkpoint.objects.first()
    if checkpoint is not None:
        title = f"Signed checkpoint of {checkpoint.size} entries"
        found.append(_item(f"CKP-{checkpoint.size}", title, "text/plain", checkpoint.note.encode()))
    return found


def _item(name: str, title: str, media_type: str, data: bytes) -> dict[str, Any]:
    return {
        "id": name,
        "title": label(title),
        "media_type": media_type,
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
