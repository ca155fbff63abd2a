"""What the registry reacts to. Imported by `ready()`."""

from __future__ import annotations

from core import events, jobs
from federation.domain.messages import digest
from federation.models import Reconsideration, TrainingRun
from models_registry import binding, services
from models_registry.models import Evidence, Version
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


def reconsideration_decided(payload: dict) -> jobs.Effects:
    """What a run learned from data that are lent no more was decided on: its version carries that as evidence."""
    matter = Reconsideration.objects.select_related("participant").get(id=payload["reconsideration"])
    version = Version.objects.filter(run=matter.run_id).first()

    def effects() -> None:
        if version is None:  # the run made nothing
            return
        found = {"choice": matter.choice, "cause": matter.cause, "site": matter.participant.site, "run": payload["run"]}
        services.evidence_record(
            version=version, kind=binding.PERMISSION, source_id=matter.id, verdict=Evidence.Verdict.FAIL,
            digest=digest(found), summary=found,
        )  # fmt: skip

    return effects


events.on("reconsideration.decided", "models_registry", reconsideration_decided)
events.on("run.finished", "models_registry", run_finished)
events.on("version.created", "signing", version_created)
