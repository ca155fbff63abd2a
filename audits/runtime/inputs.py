"""The drift of a model's inputs: counted while cases pass by, never stored, and watched by the monitor.

Each process gathers the cells of cases of a deployment and site until there are `LEAST`, then adds them to the hour's
histogram in one statement, after the request's own transaction. So no row ever tells the inputs of fewer patients, a
single event costs no statement of its own, and nothing here can fail a request. What a process had gathered when it was
killed is lost: it is a sample of the cases that does not depend on what they are.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from audits.domain.monitor.alarms import Alarm
from audits.domain.monitor.histograms import CELLS, MOST_INPUTS, Counts, cells_of, counts_of
from audits.domain.monitor.input_drift import InputFound, InputState, fold_block, found
from audits.domain.robustness.operating_range import LEAST_TRAINED
from audits.predeployment.models import CheckResult
from audits.runtime.declared import Declared, declared_by
from audits.runtime.models import InputDrift, InputPeriod
from audits.runtime.operating import inputs_named
from audits.runtime.records import Bad
from federation.models import Participant
from models_registry.models import Deployment, Evidence

logger = logging.getLogger(__name__)
LEAST = LEAST_TRAINED  # cases of which the inputs are written together, as few as a range may be told of
_ADD = """
    WITH newest AS (
        SELECT max(hour) AS hour FROM audits_runtime_inputperiod
        WHERE deployment_id = %(deployment)s AND site = %(site)s
    )
    INSERT INTO audits_runtime_inputperiod AS r (deployment_id, site, hour, cases, counts)
    SELECT %(deployment)s, %(site)s, greatest(hour, %(hour)s), %(cases)s, %(counts)s::bigint[] FROM newest
    ON CONFLICT (deployment_id, site, hour) DO UPDATE SET cases = r.cases + EXCLUDED.cases, counts = (
        SELECT array_agg(a + b ORDER BY place)
        FROM unnest(r.counts, EXCLUDED.counts) WITH ORDINALITY AS both_of(a, b, place)
    )
"""
_gathered: dict[tuple[uuid.UUID, str], list[NDArray[np.uint8]]] = {}
_gathering = threading.Lock()


def inputs_watched(declared: Declared) -> tuple[str, ...]:
    return inputs_named(declared)[:MOST_INPUTS]


def check_inputs(given: Sequence[float], declared: Declared) -> None:
    """Refuse inputs of a record told elsewhere that are not those of the version.

    Raises
    ------
    Bad
        With what was expected.
    """
    names = inputs_named(declared)
    if len(given) != len(names):
        listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise Bad("inputs", f"expected {len(names)} numbers ({listed}), as the version reads them, got {len(given)}")


def inputs_keep(deployment_id: uuid.UUID, site: str, given: Sequence[Sequence[float] | NDArray]) -> None:
    """Count the inputs of cases that were accepted, one row each. Never fails; call it after the commit."""
    if len(given) == 0:
        return
    cells = cells_of(np.asarray(given, dtype=np.float64)[:, :MOST_INPUTS])
    key = (deployment_id, site)
    with _gathering:
        waiting = [*_gathered.pop(key, []), cells]
        if sum(map(len, waiting)) < LEAST:
            _gathered[key] = waiting
            return
    try:
        with transaction.atomic():
            _write(deployment_id, site, np.concatenate(waiting), timezone.now())
    except (DatabaseError, ValueError):  # the cases are accepted; their inputs are missing from a warning's figures
        logger.exception("the inputs of %d cases of deployment %s were not counted", sum(map(len, waiting)), key[0])


def _write(deployment_id: uuid.UUID, site: str, cells: NDArray[np.uint8], now: datetime) -> None:
    """Add to the newest period, or begin one: a period never changes once there is a later one."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    row: dict[str, Any] = {
        "deployment": deployment_id, "site": site, "hour": hour, "cases": len(cells),
        "counts": counts_of(cells).ravel().tolist(),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ADD, row)


# --- the monitor ---------------------------------------------------------------------------------------------------


def inputs_fold(deployment: Deployment, alpha: float) -> list[Alarm]:
    """Test what came since, site by site, and say which inputs have changed. The caller holds the monitor's row."""
    names = inputs_watched(declared_by(deployment.version))
    rows = {row.site: row for row in InputDrift.objects.filter(deployment=deployment)}
    for site in sorted({*rows, *_sites(deployment, rows)}):
        rows[site] = _fold_site(deployment, site, rows.get(site), names, alpha)
    states = [(site, InputState.from_dict(row.state)) for site, row in sorted(rows.items())]
    return [_alarm(site, state, one) for site, state in states for one in found(state, names) if one.warns]


def inputs_begin(deployment_id: uuid.UUID) -> None:
    """Forget what was watched: a new epoch begins with the cases that come now."""
    newest = InputPeriod.objects.filter(deployment=deployment_id).order_by("site", "-hour").distinct("site")
    InputDrift.objects.filter(deployment=deployment_id).delete()
    deployment = Deployment.objects.select_related("version", "approval").get(id=deployment_id)
    inputs = len(inputs_watched(declared_by(deployment.version)))
    InputDrift.objects.bulk_create(
        InputDrift(
            deployment=deployment, site=period.site, hour=period.hour, read=period.counts,
            state=InputState.begin(inputs, reference_of(deployment, period.site)).as_dict(),
        )
        for period in newest
    )  # fmt: skip


def reference_of(deployment: Deployment, site: str) -> Counts | None:
    """What the inputs of a site's training patients looked like, as the approved audit told; None if it did not."""
    told = _audited(deployment.version_id, deployment.approval.content.get("audit", "")).get(site)
    if told is None:
        return None
    empty = [0] * CELLS
    names = inputs_watched(declared_by(deployment.version))
    return np.array([told.get(name, empty) for name in names], dtype=np.int64)


@lru_cache(maxsize=64)
def _audited(version_id: uuid.UUID, digest: str) -> dict[str, dict[str, list[int]]]:
    """Site to input to histogram, in the audit that was approved. It never changes."""
    audit = Evidence.objects.filter(version_id=version_id, digest=digest).first()
    row = CheckResult.objects.filter(audit=audit.source_id, check_id="boundaries").first() if audit else None
    return dict(row.evidence.get("histograms") or {}) if row else {}


def _sites(deployment: Deployment, rows: dict[str, InputDrift]) -> list[str]:
    """Sites that have begun to tell inputs."""
    new = InputPeriod.objects.filter(deployment=deployment).exclude(site__in=rows)
    return list(new.order_by().values_list("site", flat=True).distinct())


def _fold_site(
    deployment: Deployment, site: str, row: InputDrift | None, names: Sequence[str], alpha: float
) -> InputDrift:
    if row is None:
        state = InputState.begin(len(names), reference_of(deployment, site))
        row = InputDrift(deployment=deployment, site=site, read=[0] * len(names) * CELLS, state=state.as_dict())
    periods = InputPeriod.objects.filter(deployment=deployment, site=site).order_by("hour")
    new = list(periods.filter(hour__gte=row.hour) if row.hour else periods)
    state = InputState.from_dict(row.state)
    counts = np.sum([period.counts for period in new], axis=0, dtype=np.int64).reshape(len(names), CELLS) if new else 0
    counts = counts - np.array(row.read).reshape(len(names), CELLS)
    if counts[0].sum() < state.due:
        return row
    limit = len(names) * max(1, _watched_sites(deployment)) / alpha
    state = fold_block(state, counts, key=f"{deployment.id}:{site}", limit=limit)
    row.state, row.hour, row.read = state.as_dict(), new[-1].hour, new[-1].counts
    row.save()
    return row


def _watched_sites(deployment: Deployment) -> int:
    return Participant.objects.filter(federation=deployment.version.model.federation_id).count()


def _alarm(site: str, state: InputState, one: InputFound) -> Alarm:
    said = []
    if one.alarm_at is not None:
        said.append(
            f"shown at case {one.alarm_at:,} by a test that alarms for any input with probability at most alpha while "
            "nothing changes"
        )
    if one.large:
        beside = "the site's training data" if state.audited else "its first cases"
        said.append(f"population stability index {one.index:.2f} beside {beside}, mark {one.mark:.2f}")
    sentence = f"The input {one.name} has changed at {site}: {'; '.join(said)}. Whether that harms, it does not say."
    return Alarm("amber", "input_drift", one.name, "site", site, "", None, None, 0, 0.0, None, state.n, sentence)
