"""What the registry reacts to. Imported by `ready()`."""

from __future__ import annotations

from core import events, jobs
from federation.models import TrainingRun
from models_registry import services
from models_registry.models import Version
from models_registry.weights_signing import version_sign


def run_finished(payload: dict) -> jobs.Effects:
    """A finished run becomes a version. The network is built before the transaction opens."""
    run = TrainingRun.objects.select_related("federation").get(id=payload["run"])
    circuit = services.circuit_of(run)

    def effects() -> None:
        services.version_create(run=run, circuit=circuit)

    return effects


def version_created(payload: dict) -> jobs.Effects:
    """A version's weights are signed by the worker: web processes need not open that key."""
    version = Version.objects.select_related("model").get(id=payload["version"])

    def effects() -> None:
        version_sign(version=version)

    return effects


events.on("run.finished", "models_registry", run_finished)
events.on("version.created", "signing", version_created)
