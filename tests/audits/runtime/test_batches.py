import os

import psycopg2
import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from audits.runtime.batches import batch_intact, batch_rows, leaf, row_prove
from audits.runtime.models import Batch, EventKey, Outcome, Prediction
from audits.runtime.partitions import ensure_partitions
from core.models import Outbox
from provenance.domain.batch import verify_row
from provenance.domain.errors import VerificationError


@pytest.fixture
def served(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases(f"case {i}", "male") for i in range(5)]})
    north.post(deployment, "outcomes", {"records": [{"event_key": f"case {i}", "label": i % 2} for i in range(3)]})
    return deployment


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["prediction", "outcome"])
def test_every_row_is_provable_alone_against_the_ledgers_entry(served, kind):
    batch = Batch.objects.get(kind=kind)
    captured = Outbox.objects.get(table="audits_runtime_batch", object_id=str(batch.id)).body
    for index in range(batch.rows):
        evidence = row_prove(batch=batch, index=index)
        assert str(evidence.proof.size) == captured["rows"]
        verify_row(evidence.row, evidence.proof, bytes.fromhex(captured["root"]))
        with pytest.raises(VerificationError):
            verify_row({**evidence.row, "event_key": "other"}, evidence.proof, bytes.fromhex(captured["root"]))


@pytest.mark.django_db
def test_a_proof_shows_no_patients_number_and_no_mask(served):
    row = row_prove(batch=Batch.objects.get(kind="prediction"), index=0).row
    assert "mrn" not in str(row)
    assert len(row["output"]) == 64


@pytest.mark.django_db
def test_what_is_hashed_is_what_is_stored(served):
    """The leaf is the same before the COPY and after reading back: floats, time and text survive exactly."""
    batch = Batch.objects.get(kind="prediction")
    row = batch_rows(batch)[2]
    assert leaf(row) == row_prove(batch=batch, index=2).row
    assert leaf(row)["score"] == repr(row.score)


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Prediction, Outcome, EventKey])
@pytest.mark.parametrize("statement", ["UPDATE {} SET event_key = 'x'", "DELETE FROM {}"])
def test_the_application_cannot_change_bulk_rows(served, model, statement):
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(statement.format(model._meta.db_table))


@pytest.mark.django_db(transaction=True)
def test_a_row_that_the_owner_changes_is_detected(deployment, north, cases, alias):
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b")]})
    batch = Batch.objects.get()
    assert batch_intact(batch)
    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    with owner, owner.cursor() as cursor:
        cursor.execute(
            "UPDATE runtime_prediction SET flagged = NOT flagged WHERE event_key = %s", [alias(deployment, "a")]
        )
    owner.close()
    assert not batch_intact(batch)
    evidence = row_prove(batch=batch, index=1)
    with pytest.raises(VerificationError):
        verify_row(evidence.row, evidence.proof, bytes.fromhex(batch.root))


@pytest.mark.django_db
def test_months_are_added_once():
    assert ensure_partitions() == 0
    assert ensure_partitions(8) == 4  # two more months of two tables
    assert ensure_partitions(8) == 0
