"""Rows of bulk tables against their batches: all are counted, and as many hashed as is asked for."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from audits.runtime.batches import batch_write
from audits.runtime.models import Batch, Prediction
from audits.runtime.replaying import predictions_replay
from core.context import governed
from provenance.replay import replay
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
BATCHES, ROWS = 6, 5


@pytest.fixture
def batches() -> list[Batch]:
    deployment, at = make_deployment(make_federation(make_people())), timezone.now()
    for number in range(BATCHES):
        id, names = uuid.uuid4(), [f"{number}-{i}" for i in range(ROWS)]
        rows = [
            Prediction(
                received_at=at, deployment_id=deployment.id, event_key=name, batch_id=id, batch_index=i, site="north",
                subject="s", attributes={}, score=0.5, flagged=True, output=b"", shape=[], warnings=[],
            )
            for i, name in enumerate(names)
        ]  # fmt: skip
        with governed(action="prediction.serve"):
            batch_write(
                deployment=deployment, kind="prediction", site="north", batch_id=id, rows=rows, first_position=None
            )
    return list(Batch.objects.all())


def test_all_rows_are_counted_and_as_many_hashed_as_is_asked_for(batches):
    whole = predictions_replay()
    assert (whole.expected, whole.found, whole.hashed, whole.problems) == (30, 30, 30, [])
    some = predictions_replay(12)
    assert (some.expected, some.found, some.hashed) == (30, 30, 15)  # whole batches
    assert predictions_replay(0).hashed == 0
    told = replay(hashed=12)
    assert (told.bulk_expected, told.bulk_hashed) == (30, 15)


def test_a_lost_and_a_strange_row_are_found_by_counting_alone(batches):
    """The application cannot take a row away: here the batch says that there was one more."""
    Batch.objects.filter(id=batches[0].id).update(rows=ROWS + 1)
    found = predictions_replay(0)
    assert (found.expected, found.found) == (31, 25)
    assert found.problems == [f"batch {batches[0].id}: its predictions are not those that the log commits to"]
    Batch.objects.filter(id=batches[1].id).delete()
    found = predictions_replay(0)
    assert (found.expected, found.found) == (31, 20) and "5 predictions stand in no batch" in found.problems[-1]


def test_other_content_than_the_log_commits_to_is_found_where_it_is_hashed(batches):
    Batch.objects.filter(id=batches[2].id).update(root="0" * 64)
    assert predictions_replay(0).found == 30
    found = predictions_replay()
    assert (found.found, found.hashed) == (25, 30)
