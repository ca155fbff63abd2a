"""A deployment of a small classifier at two sites, and the callers of its gateway."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Institution
from core import context
from tests.factories.federation import make_federation
from tests.factories.people import make_people, make_reviewers
from tests.factories.registry import make_deployment

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Caller:
    """A clinical system: posts JSON with its key."""

    def __init__(self, institution: Institution, issued_by, actions=("prediction.request", "outcome.record")) -> None:
        _, self.secret = ApiKey.issue(
            name="test", institution=institution, actions=list(actions), issued_by=issued_by,
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip

    def post(self, deployment, what: str, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Client().post(
            f"/api/v1/deployments/{deployment.id}/{what}", data, content_type="application/json",
            headers={"Authorization": f"Api-Key {self.secret}", **headers},
        )  # fmt: skip


def case(name: str, sex: str = "female", **changes) -> dict:
    record = {"event_key": name, "patient": f"mrn-{name}", "attributes": {"sex": sex}, "features": [0.1, 0.5, 0.3, 0.9]}
    return {**record, **changes}


@pytest.fixture(autouse=True)
def _no_actor_left_over():
    """Each request sets the actor of its own; the monitor's process has none."""
    context.set_actor(None)


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def deployment(world):
    return make_deployment(world)


@pytest.fixture
def north(world):
    return Caller(world.people.north, world.people.administrator)


@pytest.fixture
def cases():
    return case


@pytest.fixture
def caller_class():
    return Caller


@pytest.fixture
def client_of():
    def sign_in(user) -> Client:
        client = Client()
        client.force_login(user, backend=BACKEND)
        return client

    return sign_in


@pytest.fixture
def alias():
    """What the rows of a case carry in the place of its name."""
    from audits.runtime.names import known_names

    return lambda deployment, name: known_names(deployment.id, [name])[name].alias


@pytest.fixture
def vote():
    """A vote on the evidence that all votes of these tests name."""
    from audits.runtime import services
    from audits.runtime.reinstating import evidence_from_document

    def cast(halt, actor, reason="The scanner was repaired."):
        evidence = evidence_from_document(data=b"Coil replaced.", name="Report")
        return services.reinstatement_vote(halt=halt, reason=reason, actor=actor, evidence=evidence)

    return cast


@pytest.fixture
def reviewers(world):
    """Officers of two hospitals who had no part in the deployment."""
    return make_reviewers(world.people)


@pytest.fixture
def tell():
    """Write outcomes as the ingest would, without predictions: what the monitor sees, fast."""
    from audits.runtime.batches import batch_write
    from audits.runtime.models import Outcome
    from core.context import governed

    def write(deployment, cases, *, site="north"):
        """`cases`: (sex, label, flagged) of each."""
        from audits.runtime import counting, ingest

        now, batch_id = timezone.now(), uuid.uuid4()
        with governed(action="outcome.record"):
            first = counting.numbers_take(deployment.id, "outcomes", len(cases))
            rows = []
            for i, (sex, ill, flagged) in enumerate(cases):
                scored = ingest.score_label(bool(flagged), bool(ill))
                rows.append(
                    Outcome(
                        received_at=now, deployment_id=deployment.id, position=first + i,
                        event_key=f"case-{first + i}", batch_id=batch_id, batch_index=i, site=site,
                        attributes={"sex": sex}, stratum=scored.stratum, values=dict(scored.values),
                    )
                )  # fmt: skip
            batch_write(
                deployment=deployment, kind="outcome", site=site, batch_id=batch_id, rows=rows, first_position=first
            )

    return write


@pytest.fixture
def stream():
    """Cases of a classifier that finds `tpr[sex]` of the ill and flags a tenth of the healthy."""

    def draw(n: int, tpr: dict[str, float], seed: int = 1) -> list[tuple[str, int, int]]:
        rng = np.random.default_rng(seed)
        sexes = rng.choice(["female", "male"], size=n)
        ill = rng.random(n) < 0.5
        hit = rng.random(n)
        return [
            (str(sex), int(y), int(h < (tpr[str(sex)] if y else 0.1)))
            for sex, y, h in zip(sexes, ill, hit, strict=True)
        ]

    return draw


@pytest.fixture
def clinician(world):
    return world.people.clinician


@pytest.fixture
def start(deployment, clinician):
    """Send a file of cases to be predicted in the background."""
    from audits.runtime.bulk import bulk_start

    def go(data: bytes, name: str = "cases.csv", *, to=deployment):
        return bulk_start(deployment=to, actor=clinician, data=data, name=name)

    return go


@pytest.fixture
def image_deployment():
    return make_deployment(make_federation(make_people(), task="segmentation"))
