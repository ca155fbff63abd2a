"""What this app hears of others, and what others hear of it. Imported once, when the application starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models.signals import post_save

from accounts.erasure import patients_filed_under, when_erased
from accounts.models import Institution
from audits.runtime.models import Halt, MonitorState, Reinstatement
from audits.runtime.planning import forecast_of
from core import doorbell, events, jobs
from models_registry.models import Deployment
from models_registry.watched import extend_policies


def _deployment_created(payload: dict) -> jobs.Effects | None:
    from audits.runtime.services import deployment_created

    return deployment_created(payload)


def _patient_erased(pseudonym: str) -> dict[str, int]:
    from audits.runtime.appeals import case_names_forget
    from audits.runtime.names import names_forget

    return {"names in appeals": case_names_forget(pseudonym), "names of cases forgotten": names_forget(pseudonym)}


def _patient_filed(institution: Institution, patient: str) -> Iterable[str]:
    from audits.runtime.patients import pseudonyms_of

    return pseudonyms_of(institution, patient)


def _chain_stopped(payload: dict) -> jobs.Effects | None:
    from audits.runtime.chain_halts import chain_follow

    return chain_follow(payload)


def _halt_looked_back(payload: dict) -> jobs.Effects | None:
    from audits.runtime.lookback import look_back_build
    from audits.runtime.models import LookBack

    return look_back_build(
        {"look_back": LookBack.objects.values_list("id", flat=True).get(incident__halt=payload["halt"])}
    )


def _told(event: str) -> events.Subscriber:
    def write(payload: dict) -> jobs.Effects | None:
        from audits.runtime.notices import notices_write

        return notices_write(event, payload)

    return write


@jobs.handles("lookback.build")
def _look_back_build(payload: dict) -> jobs.Effects | None:
    from audits.runtime.lookback import look_back_build

    return look_back_build(payload)


@jobs.handles("notice.send")
def _notice_send(payload: dict) -> jobs.Effects | None:
    from audits.runtime.notices import notice_send

    return notice_send(payload)


def _amber_asked(payload: dict) -> jobs.Effects | None:
    from audits.runtime.reminders import amber_asked

    return amber_asked(payload)


def _appeal_filed(payload: dict) -> jobs.Effects | None:
    from audits.runtime.reminders import appeal_filed

    return appeal_filed(payload)


@jobs.handles("webhook.post")
def _webhook_post(payload: dict) -> jobs.Effects | None:
    from audits.runtime.reminders import webhook_post

    return webhook_post(payload)


def _changed(instance: Any, **_: Any) -> None:
    """Monitor and officers need not know that somebody watches: what they save rings by itself."""
    if isinstance(instance, Deployment):
        deployment_id = instance.id
    else:
        deployment_id = (instance.halt if isinstance(instance, Reinstatement) else instance).deployment_id
    doorbell.ring(f"deployment:{deployment_id}")


@jobs.handles("bulk.predict")
def _bulk_predict(payload: dict) -> jobs.Effects | None:
    from audits.runtime.bulk import bulk_predict

    return bulk_predict(payload)


def _given_up(payload: dict) -> jobs.Effects | None:
    from audits.runtime.bulk import given_up

    return given_up(payload)


for _model in (MonitorState, Halt, Reinstatement, Deployment):
    post_save.connect(_changed, sender=_model, dispatch_uid=f"live.{_model.__name__}")
when_erased("patient", _patient_erased)
patients_filed_under(_patient_filed)
events.on("deployment.created", "runtime.prepare", _deployment_created)
events.on("chain.stopped", "runtime.halt", _chain_stopped)
events.on("deployment.halted", "runtime.look_back", _halt_looked_back)
events.on("job.dead", "runtime.bulk", _given_up)
for _event in ("deployment.halted", "deployment.reinstated"):
    events.on(_event, "runtime.notify", _told(_event))
events.on("monitor.amber", "runtime.remind", _amber_asked)
events.on("appeal.filed", "runtime.remind", _appeal_filed)
extend_policies(forecast_of)
