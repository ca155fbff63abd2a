"""Bulk rows: written by COPY, one governed row a batch with the Merkle root, every row provable alone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from audits.runtime.models import Batch, Outcome, Prediction
from core.errors import Conflict
from models_registry.models import Deployment
from provenance.domain.batch import RowProof, batch_root, prove_row, row_hashes
from provenance.domain.canonical import encode_floats
from provenance.domain.commit import SALT_BYTES

Row = Prediction | Outcome
_TABLES: dict[type, tuple[str, tuple[str, ...]]] = {
    Prediction: (
        "runtime_prediction",
        ("received_at", "deployment_id", "event_key", "batch_id", "batch_index", "site", "subject", "attributes",
         "score", "flagged", "output", "shape", "warnings"),
    ),
    Outcome: (
        "runtime_outcome",
        ("received_at", "deployment_id", "position", "event_key", "batch_id", "batch_index", "site", "attributes",
         "stratum", "values"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class RowEvidence:
    """One row and what proves it: `provenance.domain.batch.verify_row(row, proof, bytes.fromhex(batch.root))`."""

    batch: Batch
    row: dict[str, Any]
    proof: RowProof


def leaf(row: Row) -> dict[str, Any]:
    """The canonical content of a row: what its hash commits to. A mask stands in it by its digest."""
    common = {
        "deployment": str(row.deployment_id),
        "event_key": row.event_key,
        "at": row.received_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "site": row.site,
        "attributes": row.attributes,
    }
    if isinstance(row, Prediction):
        own = {
            "kind": "prediction",
            "subject": row.subject,
            "score": float(row.score),
            "flagged": row.flagged,
            "output": hashlib.sha256(bytes(row.output)).hexdigest(),
            "shape": row.shape,
            "warnings": row.warnings,
        }
    else:
        own = {
            "kind": "outcome",
            "position": row.position,
            "stratum": row.stratum,
            "values": {name: float(value) for name, value in row.values.items()},
        }
    return encode_floats({**common, **own})


def batch_write(
    *,
    deployment: Deployment,
    kind: str,
    site: str,
    batch_id: uuid.UUID,
    rows: Sequence[Row],
    first_position: int | None,
    caller_id: uuid.UUID | None = None,
) -> Batch:
    """COPY the rows and enter the batch into the ledger, in the caller's governed transaction."""
    salt = secrets.token_bytes(SALT_BYTES)
    root = batch_root([leaf(row) for row in rows], salt)
    copy_rows(rows)
    return Batch.objects.create(
        id=batch_id, deployment=deployment, kind=kind, site=site, rows=len(rows), first_position=first_position,
        root=root.hex(), salt=salt, caller_id=caller_id,
    )  # fmt: skip


def copy_rows(rows: Sequence[Row]) -> None:
    """Bulk insert through COPY: several times faster than INSERT."""
    table, columns = _TABLES[type(rows[0])]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")  # all quoted: nothing can read as NULL
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in columns])
    text.seek(0)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN WITH (FORMAT csv)", text)


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def batch_rows(batch: Batch) -> list[Row]:
    """The rows of a batch as they are stored now, in the order of its tree."""
    model = Prediction if batch.kind == "prediction" else Outcome
    return list(model.objects.filter(batch_id=batch.id).order_by("batch_index"))


def row_prove(*, batch: Batch, index: int) -> RowEvidence:
    """Prove one row of a batch. It verifies against the batch's captured root only if no row was changed.

    Parameters
    ----------
    index : int
        The row's `batch_index`, from 0.

    Raises
    ------
    Conflict
        If the batch has lost or gained rows, so that the places of the rest in its tree are not known.
    """
    rows = batch_rows(batch)
    places = [row.batch_index for row in rows]
    if places != list(range(batch.rows)):
        raise Conflict(
            f"The batch had {batch.rows} rows and {len(rows)} are stored, not one at each place: some are lost or new, "
            "so none of them can be proved. Run the verification of the ledger, and restore the batch from a backup."
        )
    if not 0 <= index < len(rows):
        raise Conflict(f"Expected a place from 0 to {len(rows) - 1} in the batch, got {index}.")
    leaves, salt = [leaf(row) for row in rows], bytes(batch.salt)
    return RowEvidence(batch, leaves[index], prove_row(row_hashes(leaves, salt), index, salt))


def batch_intact(batch: Batch) -> bool:
    """Whether the stored rows still are those that the ledger's entry of the batch commits to."""
    rows = batch_rows(batch)
    return len(rows) == batch.rows and batch_root([leaf(row) for row in rows], bytes(batch.salt)).hex() == batch.root
