"""One prediction, and what proves that it stands in the ledger as it was served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audits.runtime.batches import RowEvidence, row_prove
from audits.runtime.cases import prediction_named
from audits.runtime.models import Batch
from core.capture import record
from core.context import governed
from models_registry.models import Deployment
from provenance.domain.batch import verify_row
from provenance.domain.errors import LedgerError
from provenance.models import Entry
from provenance.reading import latest_entry


@dataclass(frozen=True)
class ProvedPrediction:
    """A stored prediction with its proof."""

    evidence: RowEvidence
    entry: Entry | None  # that committed to the batch; None while it is on its way
    problem: str  # empty if the stored row is the one that was committed to


def prediction_prove(*, deployment: Deployment, event_key: str, caller: Any) -> ProvedPrediction:
    """Prove the prediction that a caller named so. The reading is recorded.

    Parameters
    ----------
    event_key : str
        The caller's name of the case.
    caller : User or Machine
        Of the site that asked for it, or of the platform itself.

    Raises
    ------
    NotFound
        If there is none of that name within the caller's reach.
    Conflict
        If rows of its batch are lost or new: no row of it can be proved.
    """
    row = prediction_named(deployment, event_key, caller)
    batch = Batch.objects.get(id=row.batch_id)
    with governed(action="prediction.prove", actor=caller.pk):
        told = {"deployment": str(deployment.id), "index": str(row.batch_index)}
        record(table="runtime_prediction", operation="READ", object_id=str(batch.id), body=told)
    evidence = row_prove(batch=batch, index=row.batch_index)
    return ProvedPrediction(evidence, latest_entry(batch.id), _problem(evidence))


def _problem(evidence: RowEvidence) -> str:
    try:
        verify_row(evidence.row, evidence.proof, bytes.fromhex(evidence.batch.root))
    except LedgerError:
        return "The rows that are stored no longer give the root in the ledger: one of the batch was changed."
    return ""
