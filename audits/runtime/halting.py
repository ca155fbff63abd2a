"""What a halt is made of, whoever decides it; and the refusal that callers get afterwards."""

from __future__ import annotations

import uuid

from accounts.models import User
from audits.runtime.locks import lock_exclusive
from audits.runtime.models import DeploymentCounter, Halt, MonitorState
from audits.runtime.standing import chain_warnings
from core import events
from core.context import governed
from core.errors import Conflict, Locked
from models_registry.models import Deployment
from models_registry.services import deployment_set_state


def deployment_prepare(deployment_id: uuid.UUID) -> None:
    """The counter and the monitor's row of a deployment, if they are not there yet."""
    DeploymentCounter.objects.bulk_create([DeploymentCounter(deployment_id=deployment_id)], ignore_conflicts=True)
    MonitorState.objects.bulk_create([MonitorState(deployment_id=deployment_id)], ignore_conflicts=True)


def halt_create(
    *, deployment_id: uuid.UUID, reason: str, position: int, alarm: dict | None = None, halted_by: User | None = None
) -> Halt:
    """Stop a deployment. When this commits, every prediction served is committed and none will be.

    Raises
    ------
    Conflict
        If it is not active (any more).
    """
    actor = halted_by.id if halted_by else None
    with governed(action="deployment.halt", actor=actor, reason=reason):
        lock_exclusive(deployment_id)
        deployment = Deployment.objects.get(id=deployment_id)
        if deployment.state != Deployment.State.ACTIVE:
            raise Conflict(f"{deployment} is {deployment.get_state_display().lower()}, so it cannot be halted.")
        deployment_set_state(deployment=deployment, state=Deployment.State.HALTED)
        halt = Halt.objects.create(
            deployment=deployment, automatic=halted_by is None, halted_by=halted_by, reason=reason,
            alarm=alarm or {}, position=position,
        )  # fmt: skip
        events.emit(
            "deployment.halted",
            {"deployment": str(deployment_id), "halt": str(halt.id), "automatic": halt.automatic},
        )
    return halt


def refuse_unless_active(deployment_id: uuid.UUID) -> list[str]:
    """Refuse with what a caller must know; else return what callers are warned of (the chain's word, by policy).

    Under the shared lock the platform's own state holds until the commit. The chain's is the mirror's at this moment.

    Raises
    ------
    Locked
        If the deployment is halted or revoked, here or (where its policy requires the chain's approval) on the chain.
    ChainUnknown
        If its policy requires the chain's approval and the mirror is missing or too old.
    """
    deployment = Deployment.objects.get(id=deployment_id)
    if deployment.state == Deployment.State.ACTIVE:
        return chain_warnings(deployment)
    halt = Halt.objects.open().filter(deployment_id=deployment_id).first()
    if halt is None:
        raise Locked(
            f"{deployment} is {deployment.get_state_display().lower()}: nothing is predicted. Use no earlier answer of "
            "it for a new decision.",
            state=deployment.state,
        )
    raise Locked(
        f"{deployment} is halted: nothing is predicted until two ethics officers of two institutions have reinstated "
        f"it. Reason: {halt.reason}",
        state=deployment.state,
        reason=halt.reason,
        halt=str(halt.id),
        since=halt.created_at.isoformat(),
        automatic=halt.automatic,
    )
