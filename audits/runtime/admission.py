"""Who sends of which deployment, in one question to the database: batches come often, and most of them are small."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils.translation import gettext

from accounts.api.authentication import ApiKeyAuthentication, Machine
from accounts.models import KEY, KEY_COLUMNS, ApiKey
from audits.runtime.declared import Declared, declared_by
from audits.runtime.locks import key_of
from core.errors import Forbidden, NotFound
from core.prepared import Prepared
from models_registry.models import Deployment

# Two statements in one transaction: the second reads what is committed once the first has waited for a halt under way.
# The lock is held for this reading alone, so that a large batch never delays a halt.
# Most hospitals have no restriction; whose they are is asked only where there are some (`restrictions`).
_LOCK = "SELECT pg_advisory_xact_lock_shared(%(key)s);"
_FIND = """
    SELECT d.state, mine.seen, mine.site, mine.hospital, EXISTS (
        SELECT FROM audits_runtime_restriction r JOIN federation_participant p ON p.institution_id = r.institution_id
        WHERE p.federation_id = m.federation_id AND p.site = mine.site
    ), h.created_at, h.closed_at {more}
    FROM models_registry_deployment d {joined}
    JOIN models_registry_version v ON v.id = d.version_id JOIN models_registry_model m ON m.id = v.model_id
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS seen, min(p.site) FILTER (WHERE p.is_active) AS site,
            (array_agg(i.slug ORDER BY p.site) FILTER (WHERE p.is_active))[1] AS hospital
        FROM federation_participant p JOIN accounts_institution i ON i.id = p.institution_id
        WHERE p.federation_id = m.federation_id AND p.institution_id = ANY({institutions})
    ) AS mine
    LEFT JOIN audits_runtime_halt h ON h.deployment_id = d.id AND h.site IN ('', mine.site)
    WHERE d.id = %(deployment)s::uuid
"""
_ADMIT = Prepared(_FIND.format(more="", joined="", institutions="%(institutions)s::uuid[]"))
_ADMIT_KEY = Prepared(
    f"WITH key AS MATERIALIZED ({KEY})"
    + _FIND.format(more=", key.*", joined="CROSS JOIN key", institutions="ARRAY[key.institution_id]")
)
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Admitted:
    """A caller who may send of a deployment, for the site for which it speaks.

    Attributes
    ----------
    deployment : Deployment
        As it was when this process first met it: only what never changes may be read.
    stopped : list of (since, until)
        When it was halted. A halt that is not among them begins after this reading, and so after whatever the request
        can tell of. Of a revoked deployment always: when it was is not kept.
    hospital : str
        Short name of the caller's institution: by it and the number a patient is found.
    restricts : bool
        Whether the processing of some patients' data is restricted at the caller's institution.
    """

    caller: Any  # a person or a machine
    deployment: Deployment
    site: str
    hospital: str
    stopped: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    restricts: bool = False

    @property
    def task(self) -> str:
        return self.deployment.version.config["task"]

    @property
    def federation_id(self) -> uuid.UUID:
        return self.deployment.version.model.federation_id

    @property
    def declared(self) -> Declared:
        return declared_by(self.deployment.version)

    def was_stopped(self, at: datetime) -> bool:
        return any(since <= at and (until is None or at < until) for since, until in self.stopped)


def admit(deployment_id: uuid.UUID, caller: Any) -> Admitted:
    """Find the deployment and the site for which the caller speaks.

    Raises
    ------
    NotFound
        If the caller may not see the deployment, or there is none.
    Forbidden
        If the caller's institution takes no part in its federation (any more).
    """
    rows = _asked(_ADMIT, deployment_id, institutions=list(caller.institution_ids))
    return _admitted(deployment_id, caller, rows)


def admit_key(deployment_id: uuid.UUID, header: str) -> Admitted | None:
    """As `admit`, for whoever holds the key of an ``Authorization`` header, found in the same question.

    None if there is no such key, it is not valid (any more), or there is no such deployment.
    """
    presented = ApiKeyAuthentication.presented(header) or ""
    prefix = ApiKey.prefix_of(presented)
    rows = _asked(_ADMIT_KEY, deployment_id, prefix=prefix) if prefix else []
    key = ApiKey.proved(rows[0][-KEY_COLUMNS:], presented) if rows else None
    return _admitted(deployment_id, Machine(key), [row[:-KEY_COLUMNS] for row in rows]) if key else None


def _asked(statement: Prepared, deployment_id: uuid.UUID, **values: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        own = {"key": key_of(deployment_id), "deployment": deployment_id}
        statement.execute(cursor, own | values, before=_LOCK)
        return cursor.fetchall()


def _admitted(deployment_id: uuid.UUID, caller: Any, rows: Sequence[tuple]) -> Admitted:
    if not rows or not (rows[0][1] or caller.sees_all):
        raise NotFound("There is no such deployment, or none that you may see.")
    state, _, site, hospital, restricts = rows[0][:5]
    deployment = _unchanging(deployment_id)
    if site is None:
        raise Forbidden(
            gettext(
                "Predictions and outcomes belong to a site: the caller must be of an institution that takes "
                "part in %(federation)s."
            )
            % {"federation": deployment.version.model.federation}
        )
    if state == Deployment.State.REVOKED:
        return Admitted(caller, deployment, site, hospital, [(_ALWAYS, None)], restricts)
    stopped = [(since, until) for *_, since, until in rows if since is not None]
    return Admitted(caller, deployment, site, hospital, stopped, restricts)


@lru_cache(maxsize=256)
def _unchanging(deployment_id: uuid.UUID) -> Deployment:
    return Deployment.objects.select_related("version__model__federation").get(id=deployment_id)
