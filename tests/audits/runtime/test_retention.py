import os
import uuid
from datetime import UTC, date, datetime
from io import StringIO

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from audits.runtime import monitoring, retention
from audits.runtime.batches import batch_write
from audits.runtime.models import Batch, DeploymentCounter, EventKey, MonitorState, Prediction, RetiredMonth
from audits.runtime.names import claim_events, new_names
from audits.runtime.partitions import ensure_partitions
from audits.runtime.replaying import predictions_replay
from core.context import governed
from core.errors import ApplicationError, Conflict
from core.models import Outbox
from models_registry.models import Deployment

OLD = date(2015, 3, 1)


@pytest.fixture
def old_month(deployment):
    """A month of long ago with two predictions in it. It is the owner who adds it: nobody predicts in the past."""
    with psycopg2.connect(os.environ["DATABASE_OWNER_URL"]) as owner, owner.cursor() as cursor:
        for table in ("runtime_prediction", "runtime_outcome"):
            cursor.execute(
                f"CREATE TABLE {table}_201503 PARTITION OF {table} FOR VALUES FROM ('2015-03-01 00:00:00+00') "
                "TO ('2015-04-01 00:00:00+00')"
            )
    owner.close()
    at, batch = datetime(2015, 3, 31, 23, 59, 59, tzinfo=UTC), uuid.uuid4()
    names = new_names(deployment.id, ["a", "b"])
    rows = [
        Prediction(
            received_at=at, deployment_id=deployment.id, event_key=name.alias, batch_id=batch, batch_index=i,
            site="north", subject="s", attributes={}, score=0.5, flagged=True, output=b"", shape=[], warnings=[],
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    with governed(action="prediction.serve"):
        claim_events(deployment.id, "prediction", names, at)
        batch_write(
            deployment=deployment, kind="prediction", site="north", batch_id=batch, rows=rows, first_position=None
        )
    yield deployment
    with psycopg2.connect(os.environ["DATABASE_OWNER_URL"]) as owner, owner.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS runtime_prediction_201503, runtime_outcome_201503")
    owner.close()


def keeps(deployment, months: int) -> None:
    Deployment.objects.filter(id=deployment.id).update(policy={**deployment.policy, "retention_months": months})


@pytest.mark.django_db(transaction=True)
def test_a_month_that_nobody_keeps_goes_with_its_names_and_the_ledger_is_told(old_month, north, cases):
    north.post(old_month, "predictions", {"records": [cases("new")]})
    (gone,) = retention.months_retire()
    assert (gone.month, gone.predictions, gone.outcomes, gone.batches) == (OLD, 2, 0, 1)
    assert OLD not in retention.stored_months()
    assert Prediction.objects.count() == 1 == EventKey.objects.count()
    entry = Outbox.objects.get(table="audits_runtime_retiredmonth")
    assert (entry.body["month"], entry.body["root"], entry.said.action) == ("2015-03-01", gone.root, "retention.drop")
    replayed = predictions_replay()  # a dropped month is no loss
    assert (replayed.expected, replayed.found, replayed.problems) == (1, 1, [])
    assert Batch.objects.count() == 2
    assert retention.months_retire() == []
    assert ensure_partitions() == 0


def replayed(deployment) -> str:
    out = StringIO()
    call_command("replay_monitor", str(deployment.id), stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_an_epoch_that_reaches_into_a_dropped_month_is_not_replayable_and_that_is_no_failure(old_month, north, cases):
    Batch.objects.update(first_position=1)
    DeploymentCounter.objects.update_or_create(deployment=old_month, defaults={"predictions": 2})
    monitoring.fold_deployment(old_month.id)
    assert "equal to the last digit" in replayed(old_month)
    retention.months_retire()
    assert monitoring.replay(old_month).outcome == "not replayable"
    assert "NOT REPLAYABLE: month 2015-03 retired" in replayed(old_month)
    with transaction.atomic():
        monitoring.epoch_begin(deployment_id=old_month.id, halt_id=old_month.id)  # the next epoch has all its rows
    north.post(old_month, "predictions", {"records": [cases("new")]})
    monitoring.fold_deployment(old_month.id)
    assert "equal to the last digit" in replayed(old_month)
    state = MonitorState.objects.get()
    state.state["predictions"]["drift"]["n"] += 1
    state.save()
    with pytest.raises(CommandError, match="1 of 1 differ"):
        replayed(old_month)


@pytest.mark.django_db(transaction=True)
def test_a_month_is_kept_as_long_as_a_deployment_says(old_month):
    keeps(old_month, 1200)
    assert retention.months_retire() == []
    with pytest.raises(Conflict, match="Ward keeps its rows 1200 months"):
        retention.month_retire(first=OLD)
    assert Prediction.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_refuses_what_is_young_kept_or_not_entered(old_month):
    this_month = date.today().replace(day=1)

    def drop(month: date, floor: int = 0) -> str:
        with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
            cursor.execute("SELECT runtime_drop_month(%s, %s, 0)", [month, floor])
        return str(refused.value)

    assert "legal minimum of 6 months" in drop(this_month)
    assert "legal minimum of 240 months" in drop(OLD, 240)
    assert "not entered as retired" in drop(OLD)
    keeps(old_month, 1200)
    assert "keeps its rows longer" in drop(OLD)
    assert Prediction.objects.count() == 2
    assert not RetiredMonth.objects.exists()


@pytest.mark.django_db
def test_the_months_of_the_law_are_kept_whatever_is_set(settings):
    settings.RETENTION_MIN_MONTHS, settings.RETENTION_MONTHS = 0, 0
    this_month = date.today().replace(day=1)
    with pytest.raises(Conflict, match="legal minimum is 6 months"):
        retention.month_retire(first=this_month)
    assert retention.months_retire() == []


@pytest.mark.parametrize(
    ("today", "kept"),
    [(date(2026, 6, 30), True), (date(2026, 7, 31), True), (date(2026, 8, 1), False)],
)
@pytest.mark.django_db
def test_a_month_counts_from_its_end(today, kept):
    """January 2026 ended on 1 February; six whole months later it is August."""
    assert bool(retention._keeper(date(2026, 1, 1), today)) is kept


@pytest.mark.django_db
def test_the_command_says_what_is_kept_and_why(capsys):
    call_command("partitions", dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert all("legal minimum" in line for line in lines)
    call_command("partitions", months_ahead=7)
    assert "2 partitions added" in capsys.readouterr().out


@pytest.mark.django_db
def test_a_policy_cannot_keep_less_than_the_law_says(world):
    from models_registry.policies import policy_of
    from tests.factories.registry import make_version

    version = make_version(world)
    assert policy_of(version=version, kind="clinical", chosen={"retention_months": 6})["retention_months"] == 6
    with pytest.raises(ApplicationError, match="from 6 to 1200"):
        policy_of(version=version, kind="clinical", chosen={"retention_months": 5})
