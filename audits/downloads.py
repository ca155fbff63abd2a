"""Reports that leave the platform: each download is an entry of the ledger, as every reading of what is sensitive."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from core.capture import record
from core.context import governed
from provenance.bodies import READING


def download_recorded(*, subject: uuid.UUID, kind: str, data: bytes, reader: Any) -> bytes:
    """Record that these bytes of a report are given to a person or a key, and give them back.

    Parameters
    ----------
    subject : UUID
        Of the audit or report, under which the reading is found.
    kind : the form of the file, such as "pdf", "json" or "csv"
    reader : the person, or the holder of an API key
    """
    with governed(action="report.download", actor=reader.pk):
        told = {"report": kind, "sha256": hashlib.sha256(data).hexdigest()}
        record(table=READING, operation="READ", object_id=str(subject), body=told)
    return data
