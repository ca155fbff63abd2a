"""Bulk rows: written by COPY, one governed row a batch with the Merkle root, every row provable alone."""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext

from audits.runtime.models import Batch, Outcome, Prediction
from core import doorbell
from core.errors import Conflict
from core.prepared import Prepared
from models_registry.models import Deployment
from provenance.domain.batch import RowProof, batch_root, hash_rows, prove_row, row_hashes
from provenance.domain.canonical import canonical, encode_floats
from provenance.domain.commit import SALT_BYTES
from provenance.domain.merkle import root_of

Row = Prediction | Outcome
COLUMNS: dict[str, tuple[str, tuple[str, ...]]] = {  # kind of batch -> table, columns in the order of a line
    "prediction": (
        "runtime_prediction",
        ("received_at", "deployment_id", "event_key", "batch_id", "batch_index", "site", "subject", "attributes",
         "score", "flagged", "output", "shape", "warnings", "made_at", "after_halt"),
    ),
    "outcome": (
        "runtime_outcome",
        ("received_at", "deployment_id", "position", "event_key", "batch_id", "batch_index", "site", "attributes",
         "stratum", "values", "corrects", "correction"),
    ),
}  # fmt: skip
# Written out, not saved by Django, as the least of batches has one row. The trigger captures it all the same.
BATCH = """
    INSERT INTO audits_runtime_batch
        (id, created_at, deployment_id, kind, site, rows, first_position, root, salt, caller_id)
    SELECT %(batch)s::uuid, %(at)s::timestamptz, %(deployment)s::uuid, %(kind)s::text, %(site)s::text,
        %(rows)s::integer, {first}, %(root)s::text, %(salt)s::bytea, %(caller)s::uuid {after}
"""
_BATCH = Prepared(BATCH.format(first="%(first)s::bigint", after=""))
_TYPES = {
    "received_at": "timestamptz", "deployment_id": "uuid", "batch_id": "uuid", "batch_index": "integer",
    "attributes": "jsonb", "score": "float8", "flagged": "boolean", "output": "bytea", "shape": "jsonb",
    "warnings": "jsonb", "made_at": "timestamptz", "after_halt": "boolean",
}  # fmt: skip
_PREDICTED = COLUMNS["prediction"][1]
# A few predictions from their lines' cells, a list a column: within another statement, where COPY cannot be.
FEW = f"""
    INSERT INTO runtime_prediction ({", ".join(_PREDICTED)})
    SELECT {", ".join(f"{column}::{_TYPES.get(column, 'text')}" for column in _PREDICTED)}
    FROM unnest({", ".join(f"%(few_{column})s::text[]" for column in _PREDICTED)}) AS f({", ".join(_PREDICTED)})
    WHERE {{when}}
"""  # noqa: S608 - constants
NULL = "\\N"
_WRITTEN = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPES, _UNESCAPED, _ESCAPED = str.maketrans(_WRITTEN), {v: k for k, v in _WRITTEN.items()}, re.compile(r"\\.")


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
        "at": instant(row.received_at),
        "site": row.site,
        "attributes": row.attributes,
    }
    if isinstance(row, Prediction):
        own = {
            "kind": "prediction",
            "subject": row.subject,
            "score": None if row.score is None else float(row.score),
            "flagged": row.flagged,
            "output": hashlib.sha256(bytes(row.output)).hexdigest(),
            "shape": row.shape,
            "warnings": row.warnings,
        }
        if row.made_at is not None:  # elsewhere: what was served here is hashed as it always was
            own |= {"kind": "event", "made_at": instant(row.made_at), "after_halt": row.after_halt}
    else:
        own = {
            "kind": "outcome",
            "position": row.position,
            "stratum": row.stratum,
            "values": _floats(row.values),
        }
        if row.corrects is not None:
            own |= {"kind": "correction", "corrects": row.corrects, "correction": _floats(row.correction)}
    return encode_floats({**common, **own})


def instant(at: datetime) -> str:
    """A time as it stands in a leaf: UTC, to the microsecond."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(timespec="microseconds")


def _floats(values: Mapping[str, float] | None) -> dict[str, float]:
    return {name: float(value) for name, value in (values or {}).items()}


def batch_write(
    *,
    deployment: Deployment,
    kind: str,
    site: str,
    batch_id: uuid.UUID,
    rows: Sequence[Row],
    first_position: int | None,
    caller_id: uuid.UUID | None = None,
) -> None:
    """COPY the rows and enter the batch into the ledger, in the caller's governed transaction."""
    _, columns = COLUMNS[kind]
    copy_lines(kind, ["\t".join([cell(getattr(row, column)) for column in columns]) for row in rows])
    values = batch_values(
        deployment_id=deployment.id, kind=kind, site=site, batch_id=batch_id, at=rows[0].received_at,
        leaves=[canonical(leaf(row)) for row in rows], caller_id=caller_id,
    )  # fmt: skip
    with connection.cursor() as cursor:
        _BATCH.execute(cursor, {**values, "first": first_position})
    batch_announce(deployment.id)


def copy_lines(kind: str, lines: Sequence[str]) -> None:
    """COPY rows that are written out: their cells in the order of `COLUMNS[kind]`, as `cell` gives them, by tabs."""
    table, columns = COLUMNS[kind]
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", io.StringIO("\n".join(lines) + "\n"))


def few_values(lines: Sequence[str]) -> dict[str, list[str | None]]:
    """Of the places in `FEW`, from lines as COPY reads them."""
    cells = [[uncell(text) for text in line.split("\t")] for line in lines]
    columns = zip(*cells, strict=True) if cells else ([] for _ in _PREDICTED)
    return {f"few_{column}": list(values) for column, values in zip(_PREDICTED, columns, strict=True)}


def batch_values(
    *,
    deployment_id: uuid.UUID,
    kind: str,
    site: str,
    batch_id: uuid.UUID,
    at: datetime,
    leaves: Sequence[bytes],
    caller_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    """Of the places in `BATCH`: rows given as `canonical(leaf(row))` are bound by their root."""
    salt = secrets.token_bytes(SALT_BYTES)
    return {
        "deployment": deployment_id, "kind": kind, "site": site, "batch": batch_id, "at": at, "rows": len(leaves),
        "root": root_of(hash_rows(leaves, salt)).hex(), "salt": salt, "caller": caller_id,
    }  # fmt: skip


def batch_announce(deployment_id: uuid.UUID) -> None:
    """Tell those who watch, once it is committed; of many batches a second, not of each."""
    doorbell.ring(f"deployment:{deployment_id}", spare=True)


def cell(value: Any) -> str:
    """A value as COPY's text format has it."""
    if value is None:
        return NULL
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, datetime):
        return value.isoformat()
    elif isinstance(value, float):
        return repr(value)
    elif isinstance(value, bool):
        return "t" if value else "f"
    return str(value).translate(_ESCAPES)


def uncell(text: str) -> str | None:
    """What COPY reads from a cell that `cell` wrote."""
    if text == NULL:
        return None
    return _ESCAPED.sub(lambda found: _UNESCAPED[found[0]], text) if "\\" in text else text


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
            gettext(
                "The batch had %(rows)s rows and %(n)s are stored, not one at each place: some are lost or "
                "new, so none of them can be proved. Run the verification of the ledger, and restore the batch "
                "from a backup."
            )
            % {"rows": batch.rows, "n": len(rows)}
        )
    if not 0 <= index < len(rows):
        raise Conflict(
            gettext("Expected a place from 0 to %(n)s in the batch, got %(index)s.")
            % {"n": len(rows) - 1, "index": index}
        )
    leaves, salt = [leaf(row) for row in rows], bytes(batch.salt)
    return RowEvidence(batch, leaves[index], prove_row(row_hashes(leaves, salt), index, salt))


def batch_intact(batch: Batch) -> bool:
    """Whether the stored rows still are those that the ledger's entry of the batch commits to."""
    rows = batch_rows(batch)
    return len(rows) == batch.rows and batch_root([leaf(row) for row in rows], bytes(batch.salt)).hex() == batch.root
