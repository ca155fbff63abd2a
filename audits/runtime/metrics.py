"""Figures of the deployments for Prometheus: no patient, no case, no group's name but those that a policy compares.

Read from counters, monitor summaries and halts. The number of series is bounded: `MOST_DEPLOYMENTS` deployments with
`MOST_STREAMS` streams each; how many are left out is a figure itself. What each means: docs/operations/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.utils import timezone

from audits.runtime import latency, streams
from audits.runtime.models import DeploymentCounter, Halt, MonitorState, Outcome
from models_registry.models import Deployment
from provenance.metrics import Metric

MOST_DEPLOYMENTS = 200
MOST_STREAMS = 40
_IN_USE = Case(When(state=Deployment.State.REVOKED, then=Value(1)), default=Value(0), output_field=IntegerField())


def runtime_metrics(now: datetime | None = None) -> list[Metric]:
    """All figures, of the deployments in use first; what was not measured is left out, never shown as zero."""
    now = now or timezone.now()
    chosen = Deployment.objects.select_related("version__model").order_by(_IN_USE, "-created_at", "id")
    found = list(chosen[:MOST_DEPLOYMENTS])
    ids = [deployment.id for deployment in found]
    counters = {row.deployment_id: row for row in DeploymentCounter.objects.filter(deployment__in=ids)}
    monitors = {row.deployment_id: row for row in MonitorState.objects.filter(deployment__in=ids).defer("state")}
    halts = _halts(ids)
    out = [
        Metric(
            "qfl_deployments_left_out", "Deployments beyond those shown here.",
            max(0, Deployment.objects.count() - len(found)),
        ),
        *latency.figures(),
    ]  # fmt: skip
    for deployment in found:
        labels = {"deployment": str(deployment.id)}
        out += _of(deployment, labels, halts.get(deployment.id, {}))
        counter, monitor = counters.get(deployment.id), monitors.get(deployment.id)
        out += _counted(labels, counter or DeploymentCounter())
        if monitor is not None:
            out += _monitored(labels, monitor, counter or DeploymentCounter(), now)
            out += _evidence(labels, monitor.summary)
    return out


def _of(deployment: Deployment, labels: Mapping[str, str], halts: Mapping[str, int]) -> Iterator[Metric]:
    version = deployment.version
    named = {
        **labels, "name": deployment.name, "model": str(version.model), "version": str(version.number),
        "kind": deployment.kind,
    }  # fmt: skip
    yield Metric("qfl_deployment_info", "1; its labels name the deployment.", 1, named)
    for state in Deployment.State.values:
        yield Metric(
            "qfl_deployment_state", "1 for the state that the deployment is in, else 0.", deployment.state == state,
            {**labels, "state": state},
        )  # fmt: skip
    for who in ("monitor", "officer", "chain"):
        yield Metric(
            "qfl_deployment_halts_total", "Halts so far, by who decided.", halts.get(who, 0), {**labels, "by": who},
            kind="counter",
        )  # fmt: skip


def _counted(labels: Mapping[str, str], counter: DeploymentCounter) -> Iterator[Metric]:
    yield Metric("qfl_deployment_predictions_total", "Predictions served.", counter.predictions, labels, kind="counter")
    yield Metric("qfl_deployment_outcomes_total", "Outcomes told.", counter.outcomes, labels, kind="counter")


def _monitored(
    labels: Mapping[str, str], monitor: MonitorState, counter: DeploymentCounter, now: datetime
) -> Iterator[Metric]:
    waiting = max(0, counter.outcomes - monitor.position)
    yield Metric("qfl_monitor_lag_outcomes", "Outcomes told that the monitor has not folded yet.", waiting, labels)
    yield Metric(
        "qfl_monitor_lag_seconds", "Age of the oldest outcome that is not folded; 0 if there is none.",
        _waiting_since(monitor, waiting, now), labels,
    )  # fmt: skip
    if monitor.updated_at is None:
        return
    yield Metric(
        "qfl_monitor_folded_timestamp_seconds", "When the monitor last folded, in Unix time.",
        monitor.updated_at.timestamp(), labels,
    )  # fmt: skip
    yield Metric(
        "qfl_deployment_amber", "1 if the monitor has a warning or cannot compare anything.", monitor.amber, labels
    )
    told = monitor.summary.get("alarms", [])
    for level in ("halt", "amber"):
        yield Metric(
            "qfl_monitor_alarms", "Alarms that stand, by level.", sum(a["level"] == level for a in told),
            {**labels, "level": level},
        )  # fmt: skip


def _evidence(labels: Mapping[str, str], told: dict) -> Iterator[Metric]:
    """Streams nearest to their limit first."""
    rows = streams.rows(told, None, most=MOST_STREAMS)
    yield Metric(
        "qfl_monitor_streams_left_out", "Streams of the monitor beyond those shown here.",
        max(0, len(told.get("streams", [])) - len(rows)), labels,
    )  # fmt: skip
    for rule in told.get("detectors", []):
        yield Metric(
            "qfl_monitor_log10_limit", "log10 of the evidence at which a stream halts.", told["limits"][rule],
            {**labels, "detector": rule},
        )  # fmt: skip
    for row in rows:
        named = {
            **labels, "metric": row.key, "attribute": row.attribute, "first": row.first, "second": row.second,
        }  # fmt: skip
        yield Metric("qfl_monitor_pairs", "Pairs that the stream has compared.", row.pairs, named)
        if row.gap is not None:
            yield Metric("qfl_monitor_gap", "Mean difference of the pairs so far, from 0 to 1.", row.gap, named)
        for detector in row.detectors:
            if detector.value is not None:
                yield Metric(
                    "qfl_monitor_log10_evidence", "log10 of the stream's evidence that the gap is over the threshold.",
                    detector.value, {**named, "detector": detector.rule},
                )  # fmt: skip


def _waiting_since(monitor: MonitorState, waiting: int, now: datetime) -> float:
    if not waiting:
        return 0.0
    rows = Outcome.objects.filter(deployment_id=monitor.deployment_id, position=monitor.position + 1)  # by the index
    first = rows.values_list("received_at", flat=True).first()
    return max(0.0, (now - first).total_seconds()) if first else 0.0


def _halts(ids: list) -> dict:
    rows = Halt.objects.filter(deployment__in=ids).order_by().values_list("deployment_id")
    counted = rows.annotate(
        monitor=Count("pk", filter=Q(automatic=True)),
        officer=Count("pk", filter=Q(halted_by__isnull=False)),
        chain=Count("pk", filter=Q(automatic=False, halted_by__isnull=True)),  # as `Halt.source`
    )
    return {
        deployment_id: {"monitor": monitor, "officer": officer, "chain": chain}
        for deployment_id, monitor, officer, chain in counted
    }
