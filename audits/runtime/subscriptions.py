"""What this app hears of others, and what others hear of it. Imported once, when the application starts."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from accounts.erasure import when_erased
from audits.runtime.models import Batch, Halt, MonitorState, Reinstatement
from core import doorbell, events, jobs
from models_registry.models import Deployment


def _deployment_created(payload: dict) -> jobs.Effects | None:
    from audits.runtime.services import deployment_created

    return deployment_created(payload)


def _patient_erased(pseudonym: str) -> dict[str, int]:
    from audits.runtime.names import names_forget

    return {"names of cases forgotten": names_forget(pseudonym)}


def _changed(instance: Any, **_: Any) -> None:
    """Gateway, monitor and officers need not know that somebody watches: what they save rings by itself."""
    if isinstance(instance, Deployment):
        deployment_id = instance.id
    else:
        deployment_id = (instance.halt if isinstance(instance, Reinstatement) else instance).deployment_id
    doorbell.ring(f"deployment:{deployment_id}")


for _model in (Batch, MonitorState, Halt, Reinstatement, Deployment):
    post_save.connect(_changed, sender=_model, dispatch_uid=f"live.{_model.__name__}")
when_erased("patient", _patient_erased)
events.on("deployment.created", "runtime.prepare", _deployment_created)
