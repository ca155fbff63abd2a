"""The monitor's one consumer: folds outcomes in their order and commits cursor, wealth and halt together.

The mathematics is `audits.domain.monitor`; here is what it is fed with and where its state lies. An *epoch* is one run
of the monitor: it begins with the deployment, or with a reinstatement, and keeps the policy that it began with.
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.domain.monitor.alarms import Alarm, alarms
from audits.domain.monitor.betting import MonitorState as Fold
from audits.domain.monitor.betting import begin
from audits.domain.monitor.drift import warnings as drift_warnings
from audits.domain.monitor.policy import FED_BY_PREDICTIONS, MonitorPolicy, PolicyError
from audits.runtime import amber, feeds, summary
from audits.runtime.declared import declared_by
from audits.runtime.epochs import Epoch, Replay, ServedState, canonical, fold_some
from audits.runtime.halting import deployment_prepare, halt_create
from audits.runtime.inputs import inputs_begin, inputs_fold
from audits.runtime.models import DeploymentCounter, MonitorState
from audits.runtime.retention import months_gone
from core.errors import Conflict
from federation.domain.round_metrics import gated_metrics
from models_registry.models import Deployment

AT_ONCE = 10_000  # outcomes, and predictions, folded in one transaction
STEP = 25  # outcomes between two points of the drawn history
FEWEST_TOLD, MOST_APPEALED = 20, 0.1  # outcomes, and the share of them from appeals above which the monitor warns
POINTS = 400  # of the history at most, from one transaction
_SETTINGS = ("threshold", "alpha", "arl", "bets", "detectors", "min_pairs", "window", "queue", "advisory")
_LISTS = ("bets", "detectors", "advisory")


def policy_of(deployment: Deployment) -> MonitorPolicy | None:
    """The streams and limits that the approval declared; None if there is nothing to compare.

    What the approved policy does not set is the platform's: the audit's metrics, all groups that the sites' manifests
    count. "unknown" is no group.
    """
    given = deployment.policy
    declared = declared_by(deployment.version)
    options: dict[str, Any] = {
        name: tuple(given[name]) if name in _LISTS else given[name] for name in _SETTINGS if name in given
    }
    options.setdefault("threshold", settings.BIAS_THRESHOLD)
    options["excluded"] = () if given.get("appeal_outcomes") == "counted" else (feeds.APPEAL,)
    groups = {name: tuple(names) for name, names in given.get("groups", declared.groups).items() if len(names) > 1}
    metrics = tuple(given.get("metrics", gated_metrics(declared.task)))
    if not groups or not metrics:
        return None
    try:
        return MonitorPolicy(metrics=metrics, groups=groups, **options)
    except (PolicyError, TypeError) as error:
        raise Conflict(
            _("The monitor policy of %(deployment)s cannot work: %(error)s")
            % {"deployment": deployment, "error": error}
        ) from error


def waiting() -> list[uuid.UUID]:
    """Deployments with outcomes or predictions that were not folded yet."""
    return sorted([*outcomes_waiting(), *predictions_waiting()])


def outcomes_waiting() -> list[uuid.UUID]:
    """Deployments with outcomes that were not folded yet."""
    return _behind(outcomes__gt=F("deployment__monitor__position"))


def predictions_waiting() -> list[uuid.UUID]:
    """Deployments of which nothing but predictions was not folded yet."""
    return _behind(
        outcomes__lte=F("deployment__monitor__position"), predictions__gt=F("deployment__monitor__predictions")
    )


def _behind(**where) -> list[uuid.UUID]:
    rows = DeploymentCounter.objects.filter(**where)
    return list(rows.order_by("deployment_id").values_list("deployment_id", flat=True))


def fold_deployment(deployment_id: uuid.UUID) -> bool:
    """Fold what came since the cursors, and halt if the evidence suffices. True if there may be more at once."""
    with transaction.atomic():
        row = _locked(deployment_id)
        deployment = Deployment.objects.select_related("version__model", "approval").get(id=deployment_id)
        epoch = _resume(row, deployment)
        if epoch is None:  # no two groups to compare: the cursors move, the page says why
            return _pass_over(row, deployment)
        more, points = _advance(epoch, row)
        if more is None:
            return False
        found = [
            *alarms(_merged(epoch), epoch.policy),
            *_drift_alarms(epoch, deployment),
            *inputs_fold(deployment, epoch.policy.alpha),
            *_appeal_alarms(deployment, epoch),
        ]
        _save(row, epoch, found, points)
        amber.decision_ask(deployment=deployment, found=found, monitor=row)
        halts = [alarm for alarm in found if alarm.level == "halt"]
        if halts and deployment.state == Deployment.State.ACTIVE:
            _halt(deployment_id, epoch.fold.position, halts)
        return more


def _advance(epoch: Epoch, row: MonitorState) -> tuple[bool | None, list[dict]]:
    """Fold the next predictions and outcomes into the epoch. Whether there may be more; None: there was nothing."""
    policy, points, deployment_id = epoch.policy, [], row.deployment_id
    served = feeds.served_after(deployment_id, epoch.served.cursor, epoch.served.fold.position, AT_ONCE)
    moved = served.cursor != row.predictions
    epoch.served = epoch.served.on(served, policy, str(deployment_id))
    events = list(feeds.outcomes_after(deployment_id, epoch.fold.position, AT_ONCE, policy))
    if not events and not moved:
        return None, []
    step = max(STEP, len(events) // POINTS)
    for start in range(0, len(events), step):
        epoch.fold = fold_some(epoch.fold, events[start : start + step], policy)
        points.append(summary.point(_merged(epoch), policy))
    return len(events) == AT_ONCE or served.more, points


def _pass_over(row: MonitorState, deployment: Deployment) -> bool:
    counter = DeploymentCounter.objects.get(deployment_id=row.deployment_id)
    if (row.position, row.predictions) == (counter.outcomes, counter.predictions):
        return False
    row.position, row.predictions = counter.outcomes, counter.predictions
    _save(row, None, [], [])
    alarm = Alarm("amber", "unwatched", "", "", "", "", None, None, 0, 0.0, None, row.position, summary.UNWATCHED)
    amber.decision_ask(deployment=deployment, found=[alarm], monitor=row)
    return False


def _merged(epoch: Epoch) -> Fold:
    """One state with each stream as its own feed has it."""
    streams = tuple(
        served if stream.metric in FED_BY_PREDICTIONS else told
        for stream, told, served in zip(
            epoch.policy.streams, epoch.fold.streams, epoch.served.fold.streams, strict=True
        )
    )
    return Fold(epoch.fold.position, epoch.fold.policy, streams)


def _drift_alarms(epoch: Epoch, deployment: Deployment) -> list[Alarm]:
    drift, classifies = epoch.served.drift, deployment.version.config["task"] == "classification"
    told = drift_warnings(drift, alpha=epoch.policy.alpha, scores_are_probabilities=classifies)
    return [
        Alarm("amber", rule, "score", "", "", "", None, None, 0, 0.0, None, drift.n, sentence)
        for rule, sentence in told
    ]


def _appeal_alarms(deployment: Deployment, epoch: Epoch) -> list[Alarm]:
    """Contested cases are no random sample: where they are much of what is known, a person must know it."""
    told = epoch.fold.position
    appealed = len(feeds.appealed(deployment.id)) if told >= FEWEST_TOLD else 0
    if appealed <= MOST_APPEALED * told:
        return []
    left_out = "the monitor leaves them out, and learns from the others alone"
    counted = "the monitor counts them, so that its promise does not hold"
    sentence = (
        f"{appealed:,} of {told:,} outcomes came from appeals, which are no random sample; "
        f"{left_out if feeds.APPEAL in epoch.policy.excluded else counted}. Ask the sites for the outcomes of all "
        "cases, or of a random sample."
    )
    return [Alarm("amber", "appeals", "outcomes", "origin", feeds.APPEAL, "", None, None, 0, 0.0, None, told, sentence)]


def _halt(deployment_id: uuid.UUID, position: int, halts: list[Alarm]) -> None:
    first = min(halts, key=lambda alarm: (alarm.position, alarm.rule))
    with suppress(Conflict):  # an officer was first: it is stopped, and the alarm stands in the monitor's summary
        halt_create(
            deployment_id=deployment_id, reason=first.sentence, position=position,
            alarm={**first.as_dict(), "all": [alarm.sentence for alarm in halts]},
        )  # fmt: skip


def epoch_begin(*, deployment_id: uuid.UUID, halt_id: uuid.UUID) -> int:
    """Start the monitor anew after a reinstatement, at the last outcome told; returns that position.

    Outcomes and predictions up to it belong to the epoch that led to the halt, whether they were folded or not.
    """
    row = _locked(deployment_id)
    counter = DeploymentCounter.objects.select_for_update().get(deployment_id=deployment_id)
    policy = policy_of(Deployment.objects.select_related("version").get(id=deployment_id))
    row.position, row.predictions = counter.outcomes, counter.predictions
    epochs = [*row.summary.get("epochs", []), _epoch(counter.outcomes, str(halt_id))]
    row.summary = {"epochs": epochs}
    row.state = {}
    inputs_begin(deployment_id)
    if policy is not None:
        epoch = Epoch(policy, begin(policy, position=row.position), ServedState.begin(policy, counter.predictions))
        _save(row, epoch, [], [summary.point(_merged(epoch), policy)])
    else:
        _save(row, None, [], [])
    return row.position


def replay(deployment: Deployment) -> Replay:
    """Fold the present epoch again, from nothing but the stored rows, and compare."""
    row = MonitorState.objects.get(deployment=deployment)
    if not row.state:
        return Replay(row.position, "", "")
    policy = MonitorPolicy.from_dict(row.state["policy"])
    start = summary.epoch_start(row.summary)
    if gone := months_gone(deployment.id, start, row.state.get("predictions", {}).get("start")):
        return Replay(start, "", "", gone)
    fold = begin(policy, position=start)
    known = ServedState.from_dict(row.state["predictions"]) if "predictions" in row.state else None
    while fold.position < row.position:
        most = min(AT_ONCE, row.position - fold.position)
        events = list(feeds.outcomes_after(deployment.id, fold.position, most, policy))
        if not events:
            break  # rows are gone: the states will differ
        fold = fold_some(fold, events, policy)
    again = {"fold": json.loads(fold.to_json())}
    if known is not None:
        served, more = ServedState.begin(policy, known.start), True
        while more:
            next_ = feeds.served_after(deployment.id, served.cursor, served.fold.position, AT_ONCE, until=known.cursor)
            served, more = served.on(next_, policy, str(deployment.id)), next_.more
        again["predictions"] = served.as_dict()
    stored = {name: row.state[name] for name in again}
    return Replay(fold.position, canonical(again), canonical(stored))


def _locked(deployment_id: uuid.UUID) -> MonitorState:
    row = MonitorState.objects.select_for_update().filter(deployment_id=deployment_id).first()
    if row is None:
        deployment_prepare(deployment_id)
        row = MonitorState.objects.select_for_update().get(deployment_id=deployment_id)
    return row


def _resume(row: MonitorState, deployment: Deployment) -> Epoch | None:
    """Where the epoch stands; a new deployment begins its first one. None if there is nothing to compare."""
    if row.state:
        policy, stored = MonitorPolicy.from_dict(row.state["policy"]), row.state.get("predictions")
        fold = Fold.from_json(canonical(row.state["fold"]))
        if stored is None:  # begun by a release that did not look at predictions: from now on it does
            counter = DeploymentCounter.objects.get(deployment_id=row.deployment_id)
            return Epoch(policy, fold, ServedState.begin(policy, counter.predictions))
        return Epoch(policy, fold, ServedState.from_dict(stored))
    if not row.summary.get("epochs"):
        row.summary = {"epochs": [_epoch(row.position, None)]}
    declared = policy_of(deployment)
    if declared is None:
        return None
    served = ServedState.begin(declared, row.predictions)
    return Epoch(declared, begin(declared, position=row.position), served)


def _epoch(start: int, halt: str | None) -> dict:
    return {"start": start, "halt": halt, "at": timezone.now().isoformat()}


def _save(row: MonitorState, epoch: Epoch | None, found: list[Alarm], points: list[dict]) -> None:
    policy, fold = (epoch.policy, _merged(epoch)) if epoch else (None, None)
    row.summary = summary.update(row.summary, policy=policy, fold=fold, found=found, points=points)
    if epoch is not None:
        row.position = epoch.fold.position
        row.state = {"policy": epoch.policy.as_dict(), "fold": json.loads(epoch.fold.to_json())}
        row.state["predictions"] = epoch.served.as_dict()
        row.predictions = epoch.served.cursor
        row.summary["drift"] = summary.drift(epoch.served.drift)
    row.amber = any(alarm.level == "amber" for alarm in found) or policy is None
    row.updated_at = timezone.now()
    row.save(update_fields=["position", "predictions", "state", "summary", "amber", "updated_at"])
