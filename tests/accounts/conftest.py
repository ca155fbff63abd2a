"""A day on the platform with people, patients and words that can be told apart, and what the database holds of it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from audits.predeployment import services as audits
from audits.runtime import services as runtime
from audits.runtime.models import Halt
from audits.runtime.reinstating import evidence_from_document
from federation import services as federation
from federation.models import TrainingRun
from models_registry.models import Deployment
from provenance import checkpoints, sequencing
from qflethics.launcher.servers import find_postgres
from tests.factories.federation import World, make_federation, make_run
from tests.factories.people import PASSWORD, make_people, make_reviewers
from tests.factories.registry import make_deployment

PATIENT, CASE, RETRY = "MRN-4711-0815", "biopsy of MRN-4711-0815", "retry-of-MRN-4711"
WORDS = {
    "halt": "Wilhelmine on ward seven was misread twice.",
    "vote": "Zacharias recalibrated the scanner himself.",
    "refusal": "A relative of Leopoldine objected.",
    "abort": "Theodor asked us to stop this run.",
    "stop": "Friedemann closed the south site.",
    "decision": "Reviewed.",
    "justification": "For the trial.",
}


@dataclass
class Story:
    """Who was there, and what was written."""

    world: World
    deployment: Deployment
    halt: Halt
    refused: TrainingRun
    aborted: TrainingRun
    secrets: dict[str, str] = field(default_factory=dict)  # what -> a text that may stand nowhere in clear

    @property
    def people(self) -> Any:
        return self.world.people


def write_ledger() -> None:
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)


@pytest.fixture
def ledger() -> Callable[[], None]:
    """Writes what waits into the ledger, and signs it."""
    return write_ledger


@pytest.fixture
def post():
    """A hospital's system, with a key of its own."""

    def send(story: Story, what: str, body: dict, **headers: str) -> Any:
        people = story.people
        _, secret = ApiKey.issue(
            name="ward", institution=people.north, actions=["prediction.request", "outcome.record"],
            issued_by=people.administrator, expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
        return Client().post(
            f"/api/v1/deployments/{story.deployment.id}/{what}", json.dumps(body), content_type="application/json",
            headers={"Authorization": f"Api-Key {secret}", **headers},
        )  # fmt: skip

    return send


@pytest.fixture
def story(request: pytest.FixtureRequest, post) -> Story:
    """A day, in the ledger. A test that dumps the database asks for a transaction of its own."""
    marker = request.node.get_closest_marker("django_db")
    request.getfixturevalue("transactional_db" if marker and marker.kwargs.get("transaction") else "db")
    people = make_people()
    for number, user in enumerate(vars(people).values()):
        if isinstance(user, User):
            user.name, user.email = f"Ottokar Nachname{number}", f"o.nachname{number}@clinic.example"
            user.save()
    world = make_federation(people)
    deployment = make_deployment(world)
    refused, aborted = make_run(world), make_run(world)
    told = Story(world, deployment, None, refused, aborted)  # type: ignore[arg-type]
    record = {"event_key": CASE, "patient": PATIENT, "attributes": {"sex": "female"}, "features": [0.1, 0.5, 0.3, 0.9]}
    other = {**record, "event_key": "another case", "patient": "MRN-1"}
    answer = post(told, "predictions", {"records": [record, other]}, **{"Idempotency-Key": RETRY})
    assert answer.status_code == 200, answer.content
    assert post(told, "outcomes", {"records": [{"event_key": CASE, "label": 1}]}).status_code == 200
    told.halt = runtime.deployment_halt(deployment=deployment, reason=WORDS["halt"], actor=people.officer_north)
    _, reviewer = make_reviewers(people)
    runtime.reinstatement_vote(
        halt=told.halt, reason=WORDS["vote"], actor=reviewer,
        evidence=evidence_from_document(data=b"%PDF", name="Report"),
    )  # fmt: skip
    federation.consent_decide(
        run=refused, participant=refused.federation.participants.get(site="north"), decision="refused",
        reason=WORDS["refusal"], actor=people.operator_north,
    )  # fmt: skip
    federation.run_abort(run=aborted, reason=WORDS["abort"], actor=people.administrator)
    audits.audit_stop(
        audit=audits.audit_start(version=deployment.version), reason=WORDS["stop"], actor=people.administrator
    )
    Client().post("/login/", {"username": people.officer_north.email, "password": "wrong"})
    Client().post("/login/", {"username": people.officer_north.email, "password": PASSWORD})
    told.secrets = {**WORDS, "patient": PATIENT, "case": CASE, "retry": RETRY}
    for user in User.objects.all():
        told.secrets |= {f"name of {user.pk}": str(user.name), f"address of {user.pk}": str(user.email)}
    write_ledger()
    return told


@pytest.fixture
def dump(servers) -> Callable[[], str]:
    """The whole database as plain SQL, as an operator's backup (or a thief) would have it."""
    beside = find_postgres(servers.state) / "pg_dump" if servers.state else None
    program = str(beside) if beside and beside.exists() else "pg_dump"

    def take() -> str:
        command = [program, "--no-owner", f"--dbname={os.environ['DATABASE_OWNER_URL']}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return take


@pytest.fixture
def spellings() -> Callable[[str], list[str]]:
    """How a text may stand in a dump: as it is, escaped for JSON, as hexadecimal or base64 bytes."""

    def spell(text: str) -> list[str]:
        raw = text.encode()
        return [text, json.dumps(text)[1:-1], raw.hex(), base64.b64encode(raw).decode().rstrip("=")[:-1]]

    return spell
