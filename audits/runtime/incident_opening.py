"""What stands in the same transaction as a halt: the incident, and the period and group that are looked at again.

The period begins where the evidence of the alarm began to be collected: with the monitor's epoch, that is, with the
deployment or its last reinstatement. That is wide on purpose; when the change may have begun is estimated for the
officers (`audits.runtime.lookback`), who may narrow the period with a reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from audits.domain.incidents.clocks import clock_book
from audits.runtime.models import Halt, Incident, LookBack, MonitorState

HARM_IS_MORE = {"fpr"}  # metrics of which the group with the higher value is the harmed one


def incident_open(halt: Halt) -> Incident:
    """Open the incident of a new halt, in the caller's governed transaction."""
    incident = Incident.objects.create(halt=halt, deployment=halt.deployment, responsible=halt.halted_by)
    since, told = _began(halt)
    attribute, group = harmed_group(halt.alarm)
    who = f"the group {attribute} = {group}, which fared worse" if attribute else "everyone"
    where = f" at {halt.site}" if halt.site else ""
    LookBack.objects.create(
        incident=incident, since=since, until=halt.created_at, attribute=attribute, group=group,
        basis=f"Predictions{where} from {told} to the halt, of {who}.",
    )  # fmt: skip
    return incident


def harmed_group(alarm: dict[str, Any]) -> tuple[str, str]:
    """Attribute and group that fared worse by an alarm's metric; two empty texts if it names none."""
    if not (alarm.get("attribute") and alarm.get("higher") and alarm.get("lower")):
        return "", ""
    worse = "higher" if alarm.get("metric") in HARM_IS_MORE else "lower"
    return alarm["attribute"], alarm[worse]


def regimes_of(halt: Halt) -> list[str]:
    """The laws that a deployment is under: those of its approved policy, else the platform's that its status allows."""
    policy = halt.deployment.policy
    if "regimes" in policy:
        return list(policy["regimes"])
    exempt = clock_book().not_under.get(policy.get("regulatory", ""), ())
    return [name for name in settings.REGULATORY_REGIMES if name not in exempt]


def _began(halt: Halt) -> tuple[datetime, str]:
    monitor = MonitorState.objects.filter(deployment_id=halt.deployment_id).first()
    epochs = monitor.summary.get("epochs", []) if monitor else []
    if epochs and epochs[-1].get("halt"):
        return datetime.fromisoformat(epochs[-1]["at"]), f"the last reinstatement (after outcome {epochs[-1]['start']})"
    return halt.deployment.created_at, "the beginning of the deployment"
