"""What the registry reacts to. Imported by `ready()`."""

from __future__ import annotations

from core import events, jobs
from federation.models import TrainingRun
from models_registry import services


def run_finished(payload: dict) -> jobs.Effects:
    """A finished run becomes a version. The network is built before the transaction opens."""
    run = TrainingRun.objects.select_related("federation").get(id=payload["run"])
    circuit = services.circuit_of(run)

    def effects() -> None:
        services.version_create(run=run, circuit=circuit)

    return effects


events.on("run.finished", "models_registry", run_finished)
