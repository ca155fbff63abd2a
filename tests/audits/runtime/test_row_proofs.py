"""A single prediction is proved against the batch's root in the ledger."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from audits.runtime.models import Batch
from core.models import Outbox
from provenance.domain.batch import RowProof, verify_row
from provenance.domain.errors import VerificationError
from provenance.models import Entry
from provenance.sequencing import load_frontier, sequence

pytestmark = pytest.mark.django_db
NAMES = ["case/1", "case 2", "c\N{LATIN SMALL LETTER E WITH ACUTE}3"]


@pytest.fixture
def served(deployment, north, cases):
    answer = north.post(deployment, "predictions", {"records": [cases(name) for name in NAMES]})
    assert answer.status_code == 200, answer.content
    while sequence(load_frontier()):
        pass
    return deployment


def ask(client: Client, deployment, name: str):
    return client.get(f"/api/v1/deployments/{deployment.id}/predictions/{name}/proof")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_verifies_against_the_root_in_its_batchs_entry(world, served, client_of, name):
    told = ask(client_of(world.people.clinician), served, name).json()
    proof = RowProof(
        told["index"], told["size"], bytes.fromhex(told["salt"]), tuple(bytes.fromhex(step) for step in told["path"])
    )
    verify_row(told["row"], proof, bytes.fromhex(told["root"]))
    with pytest.raises(VerificationError):
        verify_row({**told["row"], "score": "0.5"}, proof, bytes.fromhex(told["root"]))
    entry = Entry.objects.get(seq=told["entry"])
    assert (entry.table, entry.object_id) == ("audits_runtime_batch", told["batch"])
    assert told["root"] in entry.body.body
    assert (told["proves"], told["problem"]) == (True, "")
    assert name not in str(told)


def test_the_reading_is_recorded(world, served, client_of):
    ask(client_of(world.people.auditor), served, NAMES[0])
    row = Outbox.objects.get()
    assert (row.operation, row.table, row.said.action) == ("READ", "runtime_prediction", "prediction.prove")
    assert row.object_id == str(Batch.objects.get().id)
    assert row.said.actor == world.people.auditor.id


def test_only_the_site_that_asked_and_the_platform_see_it(world, served, client_of):
    statuses = {
        who: ask(client_of(getattr(world.people, who)), served, NAMES[0]).status_code
        for who in ("administrator", "auditor", "officer_north", "clinician", "officer_south", "outsider")
    }
    assert statuses == {
        "administrator": 200, "auditor": 200, "officer_north": 200, "clinician": 200, "officer_south": 404,
        "outsider": 404,
    }  # fmt: skip
    assert ask(Client(), served, NAMES[0]).status_code in (401, 403)


@pytest.mark.parametrize("name", ["unknown", "%00", "x" * 5000, "..%2F..", "\N{SNOWMAN}"])
def test_what_was_never_predicted_is_not_found(world, served, client_of, name):
    client = client_of(world.people.auditor)
    assert ask(client, served, name).status_code == (400 if name == "%00" else 404)
    served.id = uuid.uuid4()
    assert ask(client, served, NAMES[0]).status_code == 404


def test_a_row_that_was_changed_is_told_and_not_proved(world, served, client_of, monkeypatch):
    """As an owner who edits the database leaves it."""
    from audits.runtime import batches

    stored = batches.batch_rows
    change = lambda batch: [setattr(row, "flagged", not row.flagged) or row for row in stored(batch)]  # noqa: E731
    monkeypatch.setattr(batches, "batch_rows", change)
    told = ask(client_of(world.people.auditor), served, NAMES[0]).json()
    assert told["proves"] is False and "no longer give the root" in told["problem"]


@pytest.mark.parametrize("lost", range(len(NAMES)))
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_that_lost_a_row_is_a_conflict_and_shows_no_other_row(
    world, served, client_of, monkeypatch, name, lost
):
    from audits.runtime import batches

    stored = batches.batch_rows
    monkeypatch.setattr(batches, "batch_rows", lambda batch: [r for r in stored(batch) if r.batch_index != lost])
    answer = ask(client_of(world.people.auditor), served, name)
    assert answer.status_code == 409, answer.content
    assert "3 rows and 2 are stored" in answer.json()["message"] and "row" not in answer.json()
