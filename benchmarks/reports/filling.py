"""A platform with many decisions and predictions, under the ledger.

Predictions are written by COPY with the true roots of their batches, as ingest does, so that the report's replay finds
them. Requests and decisions are inserted by SQL through every guard of the database. All of it is then sequenced.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
from django.db import connection

from audits.runtime.batches import batch_intact, copy_lines
from audits.runtime.models import Batch
from audits.runtime.partitions import ensure_partitions
from benchmarks.frame import progress
from core import context
from core.context import governed
from models_registry.models import ApprovalDecision, ApprovalRequest, Deployment
from provenance import checkpoints, sequencing
from provenance.domain.batch import row_salt
from provenance.domain.commit import commitment
from provenance.domain.merkle import hash_leaf, root_of
from provenance.models import Checkpoint
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment, make_request

BATCH = 1000
COPIED = 100  # batches in one COPY
PERIOD = timedelta(days=20)
EMPTY = hashlib.sha256(b"").hexdigest()
_BATCHES = (
    "COPY audits_runtime_batch (id, created_at, deployment_id, kind, site, rows, first_position, root, salt) FROM STDIN"
)
# One request after another, for one is open at a time: two officers, then an administrator.
_DECIDED = """
DO $$
DECLARE
    n integer; request uuid; person integer; again timestamptz; deciders text[] := string_to_array(%(deciders)s, ',');
BEGIN
    FOR n IN 1..%(requests)s LOOP
        request := gen_random_uuid();
        again := now() - %(period)s::interval * (1 - n / %(requests)s::float8);
        INSERT INTO models_registry_approvalrequest (id, created_at, version_id, kind, content, content_digest, policy,
            state, requested_by_id, justification, closed_at, expires_at)
        SELECT request, again, version_id, kind, content, content_digest, policy, 'under_review', requested_by_id, '',
            NULL, now() + interval '1 day'
        FROM models_registry_approvalrequest WHERE id = %(template)s;
        FOR person IN 1..3 LOOP
            INSERT INTO models_registry_approvaldecision (id, created_at, request_id, requested_by_id, decided_by_id,
                capacity, institution_id, decision, reason, content_digest, statement, signature, reason_salt)
            SELECT gen_random_uuid(), again, request, requested_by_id, m.user_id, m.role, m.institution_id, 'approve',
                '', content_digest, '', '', ''
            FROM models_registry_approvalrequest r, accounts_membership m
            WHERE r.id = request AND m.user_id = deciders[person]::uuid;
        END LOOP;
        UPDATE models_registry_approvalrequest SET state = 'approved', closed_at = again WHERE id = request;
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class Filled:
    decisions: int
    predictions: int
    entries: int


def fill(*, predictions: int, requests: int) -> Filled:
    world = make_federation(make_people())
    deployment = make_deployment(world, name="Ward")
    context.set_actor(None)
    ensure_partitions()
    _decide(world, requests)
    _predict(deployment, predictions // BATCH)
    _analyse()
    return Filled(ApprovalDecision.objects.count(), predictions, _sequence())


def _decide(world: World, requests: int) -> None:
    people = world.people
    template = make_request(world)
    deciders = (people.officer_north, people.officer_south, people.administrator2)
    with governed(action="approval.withdraw"):
        ApprovalRequest.objects.filter(id=template.id).update(state="withdrawn")
    values = {
        "template": str(template.id), "deciders": ",".join(str(person.id) for person in deciders),
        "requests": requests, "period": PERIOD,
    }  # fmt: skip
    with governed(action="approval.decide", actor=people.administrator.id), connection.cursor() as cursor:
        cursor.execute(_DECIDED, values)
    context.set_actor(None)
    progress(f"decided on {requests} requests")


def _predict(deployment: Deployment, batches: int) -> None:
    salt = secrets.token_bytes(32)
    salts = [row_salt(salt, index) for index in range(BATCH)]  # one for all batches, as it says nothing here
    started = datetime.now(UTC) - PERIOD
    for first in range(0, batches, COPIED):
        lines: list[str] = []
        heads: list[str] = []
        for number in range(first, min(batches, first + COPIED)):
            at = started + PERIOD * (number / batches)
            id, root = _batch(deployment.id, number, at, salts, lines)
            heads.append(
                f"{id}\t{at.isoformat()}\t{deployment.id}\tprediction\tnorth\t{BATCH}\t{number * BATCH + 1}\t{root}\t"
                f"\\\\x{salt.hex()}"
            )
        with governed(action="bench.fill"), connection.cursor() as cursor:
            copy_lines("prediction", lines)
            cursor.copy_expert(_BATCHES, io.StringIO("\n".join(heads) + "\n"))
        if first % (COPIED * 10) == 0:
            progress(f"stored {(first + COPIED) * BATCH} predictions")
    if not batch_intact(Batch.objects.filter(rows=BATCH).latest("created_at")):
        raise RuntimeError("a batch does not give its root: the leaves written here are not those of audits.runtime")


def _batch(deployment: Any, number: int, at: datetime, salts: list[bytes], lines: list[str]) -> tuple[uuid.UUID, str]:
    """Append the lines of one batch; its identifier and the root over its leaves (`audits.runtime.batches.leaf`)."""
    id, hashes = uuid.uuid4(), []
    told, instant = at.isoformat(), at.isoformat(timespec="microseconds")
    for index in range(BATCH):
        n = number * BATCH + index
        key, sex, score = f"{n:064x}", ("female", "male")[n % 2], (n % 997 + 0.5) / 1000
        flagged = score > 0.5
        leaf = (
            f'{{"at":"{instant}","attributes":{{"sex":"{sex}"}},"deployment":"{deployment}","event_key":"{key}",'
            f'"flagged":{"true" if flagged else "false"},"kind":"prediction","output":"{EMPTY}","score":"{score!r}",'
            f'"shape":[],"site":"north","subject":"s{n // 3}","warnings":[]}}'
        )
        hashes.append(hash_leaf(commitment(salts[index], leaf.encode())))
        lines.append(
            f'{told}\t{deployment}\t{key}\t{id}\t{index}\tnorth\ts{n // 3}\t{{"sex": "{sex}"}}\t{score!r}\t'
            f"{'t' if flagged else 'f'}\t\\\\x\t[]\t[]\t\\N\tf"
        )
    return id, root_of(hashes).hex()


def _sequence() -> int:
    progress("writing the ledger")
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)
    newest = Checkpoint.objects.first()
    return newest.size if newest else 0


def _analyse() -> None:
    """What autovacuum does in time."""
    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute("ANALYZE")
    owner.close()
