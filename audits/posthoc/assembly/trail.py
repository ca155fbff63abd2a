"""The audit trail: what its verification found, whether it is complete, and the evidence named by digest."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import connection, models

from audits.posthoc.assembly.records import model_id, versions
from audits.posthoc.assembly.window import Window, instant, label, prose
from core import artefacts
from core.capture import Capture
from provenance.domain.canonical import canonical, encode_floats
from provenance.domain.merkle import EMPTY_ROOT
from provenance.models import Anchor, ChainState, Checkpoint
from provenance.verification import Verification, one_moment, verify_ledger

# As the capture trigger pins them, so that the same row gives the same text.
_SESSION = (
    "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL datestyle = 'ISO, YMD'; "
    "SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL extra_float_digits = 1"
)
_ROWS = (
    "SELECT t.{key}::text, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(t)) "
    "WHERE key = ANY (%s))::text FROM {table} t"
)
_LOGGED = (
    "SELECT DISTINCT ON (e.object_id) e.object_id, e.operation, b.body FROM provenance_entry e "
    'JOIN provenance_body b ON b.seq = e.seq WHERE e."table" = %s ORDER BY e.object_id, e.seq DESC'
)
_WAITING = (
    'SELECT DISTINCT ON (object_id) object_id, operation, body::text FROM core_outbox o WHERE "table" = %s '
    "AND NOT EXISTS (SELECT 1 FROM provenance_entry e WHERE e.outbox_id = o.id) ORDER BY object_id, id DESC"
)


def audit_trail(generated_at: dt.datetime) -> dict[str, Any]:
    """Verify the ledger as it stands now. The signed checkpoint gives size and root: both can be checked by others."""
    found, checkpoint = verify_ledger(), Checkpoint.objects.first()
    expected, replayed = replay()
    return {
        "entries": checkpoint.size if checkpoint else found.entries,
        "root_sha256": bytes(checkpoint.root).hex() if checkpoint else (found.root or EMPTY_ROOT.hex()),
        "checkpoint": prose(checkpoint.note) if checkpoint else "No checkpoint was signed yet.",
        "verified_at": instant(generated_at),
        **_outcome(found, checkpoint),
        "completeness": {"expected": expected, "found": replayed},
        "anchor": _anchor(checkpoint),
        "witnesses": [],
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


# --- completeness --------------------------------------------------------------------------------------------------


def replay() -> tuple[int, int]:
    """Hold every governed row against what the log says of it last.

    Returns
    -------
    expected, found : int
        Rows that stand in a governed table or, by the log, should; and of these, how many the log gives exactly. They
        are equal if no change escaped capture.
    """
    expected = found = 0
    with one_moment(), connection.cursor() as cursor:
        cursor.execute(_SESSION)
        for model in apps.get_models():
            columns = _captured(model)
            if columns:
                rows, right = _replay_table(cursor, model, columns)
                expected, found = expected + rows, found + right
    return expected, found


def _captured(model: type[models.Model]) -> tuple[str, ...]:
    triggers = getattr(model._meta, "triggers", [])
    return next((trigger.columns for trigger in triggers if isinstance(trigger, Capture)), ())


def _replay_table(cursor: Any, model: type[models.Model], columns: tuple[str, ...]) -> tuple[int, int]:
    table = model._meta.db_table
    name = connection.ops.quote_name
    cursor.execute(_ROWS.format(key=name(columns[0]), table=name(table)), [list(columns)])
    standing = dict(cursor.fetchall())
    logged: dict[str, bytes | None] = {}
    cursor.execute(_LOGGED, [table])
    for key, operation, body in cursor.fetchall():
        content = json.loads(body)
        logged[key] = None if operation == "DELETE" else _form(content["row"] if "row" in content else content["text"])
    cursor.execute(_WAITING, [table])
    for key, operation, text in cursor.fetchall():
        logged[key] = None if operation == "DELETE" else _row(text)
    should = {key for key, form in logged.items() if form is not None}
    right = sum(logged.get(key) == _row(text) for key, text in standing.items())
    return len(should | set(standing)), right


def _row(text: str) -> bytes:
    """A row as the sequencer would have written it."""
    try:
        return _form(encode_floats(json.loads(text, parse_float=Decimal)))
    except (ValueError, RecursionError):
        return _form(text)


def _form(content: Any) -> bytes:
    return canonical({"row": content})


# --- annex ---------------------------------------------------------------------------------------------------------


def evidence(window: Window) -> list[dict[str, Any]]:
    """Files of the period whose bytes were read and found to fit their digest just now."""
    found = []
    for version in versions(window):
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
