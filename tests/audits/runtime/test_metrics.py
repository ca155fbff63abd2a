"""The figures of deployments at /metrics, their description, and the dashboard that shows them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits.runtime import latency, metrics, monitoring, services
from audits.runtime.models import MonitorState, Outcome
from models_registry.models import Deployment
from provenance.metrics import Metric, exposition
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations"
GAP = {"female": 0.3, "male": 0.9}
FAIR = {"female": 0.8, "male": 0.8}


def figures(now: datetime | None = None, **labels: str) -> dict[tuple[str, ...], float]:
    return {
        (m.name, *(value for key, value in m.labels.items() if key != "deployment")): float(m.value)
        for m in metrics.runtime_metrics(now)
        if labels.items() <= m.labels.items()
    }


def test_without_deployments_there_is_one_figure_and_none_invented():
    assert figures() == {("qfl_deployments_left_out",): 0}


def test_a_new_deployment_has_counters_and_a_state_and_no_invented_evidence(deployment):
    found = figures(deployment=str(deployment.id))
    assert found["qfl_deployment_state", "active"] == 1 and found["qfl_deployment_state", "halted"] == 0
    assert found["qfl_deployment_predictions_total",] == found["qfl_deployment_outcomes_total",] == 0
    model = str(deployment.version.model)
    assert found["qfl_deployment_info", "Ward", model, "1", "clinical"] == 1
    assert not any(key[0].startswith("qfl_monitor_log10") or key[0] == "qfl_deployment_amber" for key in found)


def test_traffic_evidence_and_lag_are_those_of_the_monitor(deployment, tell, stream):
    tell(deployment, stream(400, FAIR))
    monitoring.fold_deployment(deployment.id)
    tell(deployment, stream(7, FAIR))
    oldest = Outcome.objects.get(position=401).received_at
    told = MonitorState.objects.get().summary
    found = figures(oldest + timedelta(seconds=90), deployment=str(deployment.id))
    assert found["qfl_deployment_outcomes_total",] == 407
    assert found["qfl_monitor_lag_outcomes",] == 7
    assert found["qfl_monitor_lag_seconds",] == 90
    tpr = next(s for s in told["streams"] if s["metric"] == "tpr")
    key = ("tpr", "sex", "female", "male")
    assert found["qfl_monitor_log10_evidence", *key, "betting"] == tpr["betting"]
    assert found["qfl_monitor_log10_limit", "betting"] == pytest.approx(told["limits"]["betting"])
    assert found["qfl_monitor_pairs", *key] == tpr["pairs"] and found["qfl_monitor_gap", *key] == tpr["gap"]
    assert found["qfl_deployment_amber",] == 1  # not shown to be fair yet
    assert found["qfl_monitor_alarms", "amber"] == len(told["alarms"])


def test_halts_are_counted_by_who_decided(world, deployment, tell, stream):
    tell(deployment, stream(1500, GAP))
    monitoring.fold_deployment(deployment.id)
    other = make_deployment(world, name="Second ward")
    services.deployment_halt(deployment=other, reason="A patient was misread.", actor=world.people.officer_north)
    first, second = figures(deployment=str(deployment.id)), figures(deployment=str(other.id))
    assert (first["qfl_deployment_halts_total", "monitor"], first["qfl_deployment_halts_total", "officer"]) == (1, 0)
    assert (second["qfl_deployment_halts_total", "monitor"], second["qfl_deployment_halts_total", "officer"]) == (0, 1)
    assert first["qfl_deployment_state", "halted"] == 1 and first["qfl_monitor_alarms", "halt"] >= 1


def test_the_number_of_series_and_of_queries_is_bounded_and_says_what_is_left_out(
    world, deployment, tell, stream, monkeypatch
):
    tell(deployment, stream(300, FAIR))
    monitoring.fold_deployment(deployment.id)
    with CaptureQueriesContext(connection) as one:
        metrics.runtime_metrics()
    others = [make_deployment(world, name=f"Ward {i}") for i in range(3)]
    Deployment.objects.filter(id=others[0].id).update(state="revoked")
    with CaptureQueriesContext(connection) as four:
        metrics.runtime_metrics()
    assert len(one) == len(four)
    monkeypatch.setattr(metrics, "MOST_DEPLOYMENTS", 3)
    monkeypatch.setattr(metrics, "MOST_STREAMS", 1)
    found = metrics.runtime_metrics()
    shown = {m.labels.get("deployment") for m in found} - {None}
    assert len(shown) == 3 and str(others[0].id) not in shown  # the revoked one gives way
    named = {(m.name, m.value) for m in found}
    assert ("qfl_deployments_left_out", 1) in named
    assert (
        "qfl_monitor_streams_left_out",
        len(MonitorState.objects.get(deployment=deployment).summary["streams"]) - 1,
    ) in named


def test_no_patient_case_or_site_is_told(deployment, north, cases, client):
    north.post(deployment, "predictions", {"records": [cases("case-seven")]})
    north.post(deployment, "outcomes", {"records": [{"event_key": "case-seven", "label": 1}]})
    monitoring.fold_deployment(deployment.id)
    text = client.get("/metrics").content.decode()
    assert f'qfl_deployment_predictions_total{{deployment="{deployment.id}"}} 1\n' in text
    assert "# TYPE qfl_deployment_predictions_total counter" in text
    assert "# TYPE qfl_request_seconds histogram" not in text  # nothing was added up yet
    for secret in ("case-seven", "mrn-", "north"):
        assert secret not in text


def everything(deployment, tell, stream) -> list[Metric]:
    tell(deployment, stream(400, FAIR))
    monitoring.fold_deployment(deployment.id)
    timed(("predictions", 200, 0.02))
    return metrics.runtime_metrics()


def names(deployment, tell, stream) -> set[str]:
    return {metric.name for metric in everything(deployment, tell, stream)}


def timed(*requests: tuple[str, int, float]) -> None:
    times = latency.Times()
    for request in requests:
        times.add(*request)
    times.write()


def named(text: str) -> set[str]:
    """The figures that a text names; of a histogram also by its samples."""
    return {re.sub(r"(?<=_seconds)_(bucket|sum|count)$", "", name) for name in re.findall(r"qfl_\w+", text)}


def test_durations_of_all_processes_are_added_up_into_one_histogram():
    timed(("predictions", 200, 0.004), ("predictions", 201, 0.3), ("predictions", 503, 99.0))
    timed(("predictions", 200, 0.005), ("events", 200, 0.2))  # another process
    found = {(*m.labels.values(), m.suffix): m.value for m in metrics.runtime_metrics() if m.name == latency.NAME}
    buckets = [found["predictions", "2xx", str(bound), "_bucket"] for bound in (0.005, 0.25, 0.5, 10.0)]
    assert buckets == [2, 2, 3, 3]
    assert found["predictions", "2xx", "+Inf", "_bucket"] == found["predictions", "2xx", "_count"] == 3
    assert found["predictions", "2xx", "_sum"] == pytest.approx(0.309)
    assert found["predictions", "5xx", "10.0", "_bucket"] == 0 and found["predictions", "5xx", "_count"] == 1
    text = exposition(metrics.runtime_metrics())
    assert text.count("# TYPE qfl_request_seconds histogram") == 1
    assert 'qfl_request_seconds_bucket{request="events",code="2xx",le="0.25"} 1\n' in text


def test_requests_of_clinical_systems_are_timed_whatever_the_answer(deployment, north, cases, client, monkeypatch):
    monkeypatch.setattr(latency, "TIMES", latency.Times())
    north.post(deployment, "predictions", {"records": [cases("a")]})
    north.post(deployment, "outcomes", {"records": [{"event_key": "nobody", "label": 1}]})
    client.get("/metrics")
    assert {key: sum(counts) for key, (counts, _) in latency.TIMES.counted.items()} == {
        ("predictions", "2xx"): 1, ("outcomes", "4xx"): 1,
    }  # fmt: skip


def test_what_the_database_does_not_take_fails_no_request(monkeypatch):
    monkeypatch.setattr(latency, "_ADD", "SELECT nothing FROM nowhere WHERE %s = %s OR %s IS NULL OR %s = 0")
    timed(("predictions", 200, 0.004))
    assert not [m for m in metrics.runtime_metrics() if m.name == latency.NAME]


def test_every_figure_is_described_with_its_type_and_labels_and_no_other_is(deployment, tell, stream):
    found = everything(deployment, tell, stream)
    page = (OPERATIONS / "metrics.md").read_text()
    described = dict(re.findall(r"^\| `(qfl_\w+)` \| (\w+) \|", page, re.M))
    assert described == {metric.name: metric.kind for metric in found}
    known: dict[str, set[str]] = {}
    for metric in found:
        known[metric.name] = known.get(metric.name, set()) | set(metric.labels)
    for name, labels in re.findall(r"^\| `(qfl_\w+)` \| \w+ \| ((?:`\w+` ?)*)\|", page, re.M):
        assert set(re.findall(r"`(\w+)`", labels)) == known[name], name


def test_the_dashboard_is_grafana_data_and_names_only_figures_and_labels_that_exist(deployment, tell, stream):
    dashboard = json.loads((OPERATIONS / "grafana-deployment.json").read_text())
    assert dashboard["title"] and dashboard["schemaVersion"] >= 36
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) > 8
    existing = names(deployment, tell, stream)
    text = json.dumps(dashboard)
    used = named(text)
    assert used <= existing
    assert existing - used == set(), "a figure that no panel shows"
    labels = {label for metric in metrics.runtime_metrics() for label in metric.labels}
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert {name for e in expressions for name in re.findall(r'(\w+)="', e)} <= labels


def test_the_alerts_name_only_figures_that_exist(deployment, tell, stream):
    assert named((OPERATIONS / "metrics.md").read_text()) <= names(deployment, tell, stream)


def test_lines_of_one_name_stand_together(world, deployment):
    make_deployment(world, name='Ward "B"\nEast')
    lines = [
        line.split("{")[0].split(" ")[0]
        for line in exposition(metrics.runtime_metrics()).splitlines()
        if line[0] != "#"
    ]
    seen = [name for i, name in enumerate(lines) if i == 0 or lines[i - 1] != name]
    assert len(seen) == len(set(seen))
