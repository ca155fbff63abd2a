"""What a halt is made of, whoever decides it; and the refusal that callers get afterwards."""

from __future__ import annotations

import uuid

from django.utils.translation import gettext as _

from accounts.models import User
from audits.runtime.incident_opening import incident_open
from audits.runtime.locks import lock_exclusive
from audits.runtime.models import DeploymentCounter, Halt, MonitorState
from audits.runtime.standing import chain_warnings
from core import events
from core.context import governed
from core.errors import Conflict, Locked
from core.spoken import inside
from models_registry.models import Deployment
from models_registry.services import deployment_set_state
from provenance.services import anchor_soon


def deployment_prepare(deployment_id: uuid.UUID) -> None:
    """The counter and the monitor's row of a deployment, if they are not there yet."""
    DeploymentCounter.objects.bulk_create([DeploymentCounter(deployment_id=deployment_id)], ignore_conflicts=True)
    MonitorState.objects.bulk_create([MonitorState(deployment_id=deployment_id)], ignore_conflicts=True)


def halt_create(
    *,
    deployment_id: uuid.UUID,
    reason: str,
    position: int,
    alarm: dict | None = None,
    halted_by: User | None = None,
    by_chain: bool = False,
    site: str = "",
) -> Halt:
    """Stop a deployment, whole or at one site. When this commits, every prediction served there is committed and none
    will be. The incident is opened in the same transaction, and the next anchor is asked for.

    Parameters
    ----------
    halted_by, by_chain : User or None, bool
        The officer, or that the chain's registry decided; neither: the monitor.
    site : str
        The site's code; empty for the whole deployment, which alone changes its state.

    Raises
    ------
    Conflict
        If it is not active (any more), or halted at this site already.
    """
    actor = halted_by.id if halted_by else None
    with governed(action="deployment.halt", actor=actor, reason=reason):
        lock_exclusive(deployment_id)
        deployment = Deployment.objects.get(id=deployment_id)
        if deployment.state != Deployment.State.ACTIVE:
            raise Conflict(
                _("%(deployment)s is %(state)s, so it cannot be halted.")
                % {"deployment": deployment, "state": inside(deployment.get_state_display())}
            )
        if site and Halt.objects.standing().filter(deployment=deployment, site=site).exists():
            raise Conflict(
                _("%(deployment)s is halted at %(site)s already.") % {"deployment": deployment, "site": site}
            )
        if not site:
            deployment_set_state(deployment=deployment, state=Deployment.State.HALTED)
        halt = Halt.objects.create(
            deployment=deployment, automatic=halted_by is None and not by_chain, halted_by=halted_by, reason=reason,
            alarm=alarm or {}, position=position, site=site,
        )  # fmt: skip
        incident_open(halt)
        anchor_soon(halt.id)
        events.emit(
            "deployment.halted",
            {"deployment": str(deployment_id), "halt": str(halt.id), "automatic": halt.automatic},
        )
    return halt


def refuse_unless_active(deployment_id: uuid.UUID, site: str = "") -> list[str]:
    """Refuse with what a caller must know; else return what callers are warned of (the chain's word, by policy).

    `site` is the caller's: a halt may stand there alone.

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
        _refuse_at_site(deployment, site)
        return chain_warnings(deployment)
    halt = Halt.objects.open().filter(deployment_id=deployment_id).first()
    if halt is None:
        raise Locked(
            _("%(deployment)s is %(state)s: nothing is predicted. Use no earlier answer of it for a new decision.")
            % {"deployment": deployment, "state": inside(deployment.get_state_display())},
            state=deployment.state,
        )
    raise _locked(deployment, halt)


def _refuse_at_site(deployment: Deployment, site: str) -> None:
    halt = Halt.objects.standing().filter(deployment=deployment, site=site).first() if site else None
    if halt is not None:
        raise _locked(deployment, halt)


def _locked(deployment: Deployment, halt: Halt) -> Locked:
    said = (
        _(
            "%(deployment)s is halted at %(site)s: nothing is predicted until two ethics officers of two institutions "
            "have reinstated it. Reason: %(reason)s"
        )
        if halt.site
        else _(
            "%(deployment)s is halted: nothing is predicted until two ethics officers of two institutions have "
            "reinstated it. Reason: %(reason)s"
        )
    )
    return Locked(
        said % {"deployment": deployment, "site": halt.site, "reason": halt.reason},
        state=Deployment.State.HALTED,
        reason=halt.reason,
        halt=str(halt.id),
        since=halt.created_at.isoformat(),
        automatic=halt.automatic,
        **({"site": halt.site} if halt.site else {}),
    )
