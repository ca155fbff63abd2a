from __future__ import annotations

from accounts.erasure import when_erased
from audits.runtime.planning import forecast_of
from core import events, jobs
from models_registry.watched import extend_policies


def _deployment_created(payload: dict) -> jobs.Effects | None:
    from audits.runtime.services import deployment_created

    return deployment_created(payload)


def _patient_erased(pseudonym: str) -> dict[str, int]:
    from audits.runtime.names import names_forget

    return {"names of cases forgotten": names_forget(pseudonym)}


when_erased("patient", _patient_erased)
events.on("deployment.created", "runtime.prepare", _deployment_created)
extend_policies(forecast_of)
