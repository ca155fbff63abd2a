"""The monitor's one consumer: folds outcomes in their order and commits cursor, wealth and halt together.

The mathematics is `audits.domain.monitor`; here is what it is fed with and where its state lies. An *epoch* is one run
of the monitor: it begins with the deployment, or with a reinstatement, and keeps the policy that it began with.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audits.domain.monitor.alarms import Alarm, alarms
from audits.domain.monitor.betting import MonitorState as Fold
from audits.domain.monitor.betting import OutcomeEvent, begin, fold_all
from audits.domain.monitor.policy import MonitorPolicy, PolicyError
from audits.runtime import summary
from audits.runtime.declared import declared_by
from audits.runtime.halting import deployment_prepare, halt_create
from audits.runtime.models import DeploymentCounter, MonitorState, Outcome
from core.errors import Conflict
from federation.domain.round_metrics import gated_metrics
from models_registry.models import Deployment

AT_ONCE = 2000  # outcomes folded in one transaction
STEP = 25  # outcomes between two points of the drawn history
_SETTINGS = ("threshold", "alpha", "arl", "bets", "detectors", "min_pairs", "window", "queue")


@dataclass(frozen=True)
class Replay:
    """The monitor folded again from the stored outcomes, beside what it had written."""

    position: int
    again: str  # canonical JSON of the state
    stored: str

    @property
    def equal(self) -> bool:
        return self.again == self.stored


def policy_of(deployment: Deployment) -> MonitorPolicy | None:
    """The streams and limits that the approval declared; None if there is nothing to compare.

    What the approved policy does not set is the platform's: the audit's metrics, all groups that the sites' manifests
    count. "unknown" is no group.
    """
    given = deployment.policy
    declared = declared_by(deployment.version)
    options = {name: given[name] for name in _SETTINGS if name in given}
    options.setdefault("threshold", settings.BIAS_THRESHOLD)
    for name in ("bets", "detectors"):
        if name in options:
            options[name] = tuple(options[name])
    groups = {name: tuple(names) for name, names in given.get("groups", declared.groups).items() if len(names) > 1}
    metrics = tuple(given.get("metrics", gated_metrics(declared.task)))
    if not groups or not metrics:
        return None
    try:
        return MonitorPolicy(metrics=metrics, groups=groups, **options)
    except (PolicyError, TypeError) as error:
        raise Conflict(f"The monitor policy of {deployment} cannot work: {error}") from error


def waiting() -> list[uuid.UUID]:
    """Deployments with outcomes that were not folded yet."""
    rows = DeploymentCounter.objects.filter(outcomes__gt=F("deployment__monitor__position"))
    return list(rows.order_by("deployment_id").values_list("deployment_id", flat=True))


def fold_deployment(deployment_id: uuid.UUID) -> bool:
    """Fold what came since the cursor, and halt if the evidence suffices. True if there may be more at once."""
    with transaction.atomic():
        row = _locked(deployment_id)
        deployment = Deployment.objects.select_related("version").get(id=deployment_id)
        policy, fold = _resume(row, deployment)
        events = list(_events(deployment_id, row.position, AT_ONCE))
        if not events:
            return False
        if policy is None or fold is None:  # no two groups to compare: the cursor moves, the page says why
            row.position = events[-1].position
            _save(row, None, None, [], [])
            return len(events) == AT_ONCE
        points = []
        for start in range(0, len(events), STEP):
            fold = fold_all(fold, events[start : start + STEP], policy)
            points.append(summary.point(fold, policy))
        found = alarms(fold, policy)
        row.position = fold.position
        _save(row, policy, fold, found, points)
        halts = [alarm for alarm in found if alarm.level == "halt"]
        if halts and deployment.state == Deployment.State.ACTIVE:
            _halt(deployment_id, fold.position, halts)
        return len(events) == AT_ONCE


def _halt(deployment_id: uuid.UUID, position: int, halts: list[Alarm]) -> None:
    first = min(halts, key=lambda alarm: (alarm.position, alarm.rule))
    with suppress(Conflict):  # an officer was first: it is stopped, and the alarm stands in the monitor's summary
        halt_create(
            deployment_id=deployment_id, reason=first.sentence, position=position,
            alarm={**first.as_dict(), "all": [alarm.sentence for alarm in halts]},
        )  # fmt: skip


def epoch_begin(*, deployment_id: uuid.UUID, halt_id: uuid.UUID) -> int:
    """Start the monitor anew after a reinstatement, at the last outcome told; returns that position.

    Outcomes up to it belong to the epoch that led to the halt, whether they were folded or not.
    """
    row = _locked(deployment_id)
    counter = DeploymentCounter.objects.select_for_update().get(deployment_id=deployment_id)
    policy = policy_of(Deployment.objects.select_related("version").get(id=deployment_id))
    row.position = counter.outcomes
    epochs = [*row.summary.get("epochs", []), _epoch(counter.outcomes, str(halt_id))]
    row.summary = {"epochs": epochs}
    row.state = {}
    if policy is not None:
        fold = begin(policy, position=row.position)
        row.state = {"policy": policy.as_dict(), "fold": json.loads(fold.to_json())}
        _save(row, policy, fold, [], [summary.point(fold, policy)])
    else:
        _save(row, None, None, [], [])
    return row.position


def replay(deployment: Deployment) -> Replay:
    """Fold the outcomes of the present epoch again, from nothing but the stored rows, and compare."""
    row = MonitorState.objects.get(deployment=deployment)
    if not row.state:
        return Replay(row.position, "", "")
    policy = MonitorPolicy.from_dict(row.state["policy"])
    fold = begin(policy, position=summary.epoch_start(row.summary))
    while fold.position < row.position:
        most = min(AT_ONCE, row.position - fold.position)
        fold = fold_all(fold, _events(deployment.id, fold.position, most), policy)
    return Replay(fold.position, fold.to_json(), _canonical(row.state["fold"]))


def _locked(deployment_id: uuid.UUID) -> MonitorState:
    row = MonitorState.objects.select_for_update().filter(deployment_id=deployment_id).first()
    if row is None:
        deployment_prepare(deployment_id)
        row = MonitorState.objects.select_for_update().get(deployment_id=deployment_id)
    return row


def _resume(row: MonitorState, deployment: Deployment) -> tuple[MonitorPolicy | None, Fold | None]:
    """The policy of the epoch and where it stands; a new deployment begins its first epoch."""
    if row.state:
        return MonitorPolicy.from_dict(row.state["policy"]), Fold.from_json(_canonical(row.state["fold"]))
    if not row.summary.get("epochs"):
        row.summary = {"epochs": [_epoch(row.position, None)]}
    policy = policy_of(deployment)
    return policy, None if policy is None else begin(policy, position=row.position)


def _epoch(start: int, halt: str | None) -> dict:
    return {"start": start, "halt": halt, "at": timezone.now().isoformat()}


def _events(deployment_id: uuid.UUID, after: int, most: int) -> Iterator[OutcomeEvent]:
    rows = Outcome.objects.filter(deployment_id=deployment_id, position__gt=after, position__lte=after + most)
    for position, attributes, stratum, values in rows.order_by("position").values_list(
        "position", "attributes", "stratum", "values"
    ):
        yield OutcomeEvent(position=position, groups=attributes, values=values, stratum=str(stratum))


def _save(
    row: MonitorState, policy: MonitorPolicy | None, fold: Fold | None, found: list[Alarm], points: list[dict]
) -> None:
    row.summary = summary.update(row.summary, policy=policy, fold=fold, found=found, points=points)
    if policy is not None and fold is not None:
        row.state = {"policy": policy.as_dict(), "fold": json.loads(fold.to_json())}
    row.amber = any(alarm.level == "amber" for alarm in found) or policy is None
    row.updated_at = timezone.now()
    row.save(update_fields=["position", "state", "summary", "amber", "updated_at"])


def _canonical(fold: dict) -> str:
    return json.dumps(fold, sort_keys=True, separators=(",", ":"))
