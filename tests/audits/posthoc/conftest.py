"""A day on which a model was audited, approved, deployed, halted, reinstated and halted again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from audits.posthoc.models import Report
from audits.predeployment.models import AuditRun
from audits.runtime import halting
from audits.runtime import services as runtime
from audits.runtime.models import Batch, Halt
from audits.runtime.reinstating import evidence_from_document
from core import context
from models_registry.models import Deployment, Version
from provenance import checkpoints, sequencing
from tests.factories.audits import make_audit
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people, make_reviewers
from tests.factories.registry import make_deployment, make_version

ALARM = {
    "level": "halt", "rule": "betting", "metric": "tpr", "attribute": "sex", "higher": "male", "lower": "female",
    "log_evidence": 5.1, "log_limit": 4.7875, "pairs": 140, "gap": 0.214, "gap_upper": None, "position": 300,
    "sentence": "Halt at event 300.",
}  # fmt: skip


@dataclass
class Day:
    """What happened, and the report's question about it."""

    world: World
    version: Version
    audit: AuditRun
    deployment: Deployment
    ended: Halt
    standing: Halt

    @property
    def people(self) -> Any:
        return self.world.people


@pytest.fixture(autouse=True)
def _nobody_acts() -> None:
    context.set_actor(None)


@pytest.fixture
def today() -> dt.date:
    return timezone.now().date()


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch, today: dt.date) -> dt.datetime:
    """The reports' clock stands on tomorrow, so that today is over."""
    moment = timezone.now() + dt.timedelta(days=1)

    class Clock:
        now = staticmethod(lambda: moment)

    for module in ("services", "forms"):
        monkeypatch.setattr(f"audits.posthoc.{module}.timezone", Clock)
    return moment


def write_ledger() -> None:
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)


@pytest.fixture
def ledger():
    """Writes what waits into the ledger, and signs it."""
    return write_ledger


@pytest.fixture
def world(db) -> World:
    return make_federation(make_people())


@pytest.fixture
def battery() -> tuple[str, ...]:
    """What the day's audit checks: what certifies, and one that informs.

    All seven take longer than the rest of the day; the tests of what reports read from checks ask for them.
    """
    return ("bias_score", "epsilon", "representation")


@pytest.fixture
def day(world: World, battery: tuple[str, ...]) -> Day:
    people = world.people
    version = make_version(world)
    with override_settings(AUDIT_CHECKS=battery):
        audit = make_audit(version, "pass", actor=people.administrator)
    deployment = make_deployment(world, version=version, name="Ward A")
    Batch.objects.create(
        deployment=deployment, kind="prediction", site="north", rows=321, root="a" * 64, salt=b"s" * 32
    )
    Batch.objects.create(deployment=deployment, kind="outcome", site="north", rows=300, root="b" * 64, salt=b"s" * 32)
    ended = halting.halt_create(deployment_id=deployment.id, reason="Halt at event 300.", position=300, alarm=ALARM)
    found = evidence_from_document(data=b"Scanner 4 was mislabelled.", name="Report of the service")
    for officer in make_reviewers(people):
        runtime.reinstatement_vote(
            halt=ended, reason="Cause found: a mislabelled scanner.", actor=officer, evidence=found
        )
    deployment.refresh_from_db()
    standing = runtime.deployment_halt(deployment=deployment, reason="Scanner is serviced.", actor=people.officer_south)
    ended.refresh_from_db()
    deployment.refresh_from_db()
    write_ledger()
    return Day(world, version, audit, deployment, ended, standing)


@pytest.fixture
def report(day: Day, today: dt.date) -> Report:
    return Report.objects.create(period_start=today, period_end=today, requested_by=day.people.auditor)


@pytest.fixture
def client_of():
    def sign_in(user) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
