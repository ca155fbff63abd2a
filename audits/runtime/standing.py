"""What the chain says of a deployment, for policies that ask: `chain` is "required", "alarm" or "off" (the default).

Read from the mirror in PostgreSQL, never from a node: the gateway must not wait for one. What is not known to be
approved counts as not approved. The platform's own halt needs no chain and comes first.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from core.errors import ApplicationError, Locked
from models_registry.models import Deployment
from models_registry.policies import CHAIN_MAX_AGE_S
from provenance.domain.decision import SubjectState
from provenance.subjects import SubjectView, subject_state


class ChainUnknown(ApplicationError):
    """The policy wants the chain's word, and what is known of it is too old."""

    status = 503
    code = "chain_unknown"


def chain_warnings(deployment: Deployment) -> list[str]:
    """What callers must be told of the deployment's standing on the chain; nothing where it is approved there.

    Raises
    ------
    Locked
        If the policy requires the chain's approval and the chain does not give it.
    ChainUnknown
        If it requires it and the mirror is missing or too old to tell.
    """
    mode = deployment.policy.get("chain", "off")
    if mode == "off":
        return []
    refusal = _refusal(deployment)
    if refusal is None:
        return []
    if mode == "alarm":
        return [refusal.message]
    raise refusal  # "required", and whatever else stands there


def _refusal(deployment: Deployment) -> ApplicationError | None:
    view = subject_state(object_id=str(deployment.id))
    if view is None:
        return Locked(
            _("%(deployment)s was never proposed on the chain, and its policy asks for approval there.")
            % {"deployment": deployment}
        )
    if view.content_digest != deployment.approval.content_digest:
        return Locked(
            _("What was decided on the chain about %(deployment)s has other content than what was approved here.")
            % {"deployment": deployment}
        )
    if view.read_at is not None and view.state is not SubjectState.APPROVED:
        name = view.state.name.lower()
        return Locked(
            _(
                "On the chain %(deployment)s is %(name)s, not approved: nothing is predicted until its ethics "
                "officers have decided there."
            )
            % {"deployment": deployment, "name": name if view.state else _("not yet proposed")},
            state=deployment.state,
            chain=name,
            chain_read_at=view.read_at.isoformat(),
        )
    return _too_old(deployment, view)


def _too_old(deployment: Deployment, view: SubjectView) -> ChainUnknown | None:
    limit = timedelta(seconds=deployment.policy.get("chain_max_age_s", CHAIN_MAX_AGE_S))
    if view.age is not None and abs(view.age) <= limit:  # a clock that runs ahead must not keep an old word fresh
        return None
    said = (
        _(
            "What the chain says of %(deployment)s was never read, and its policy allows %(allowed)s s. Try again "
            "once the anchor worker has reached the chain."
        )
        if view.age is None
        else _(
            "What the chain says of %(deployment)s was last read %(age)s s ago, and its policy allows %(allowed)s s. "
            "Try again once the anchor worker has reached the chain."
        )
    )
    age = "" if view.age is None else f"{abs(view.age).total_seconds():.0f}"
    return ChainUnknown(
        said % {"deployment": deployment, "age": age, "allowed": f"{limit.total_seconds():.0f}"},
        chain_read_at=view.read_at.isoformat() if view.read_at else None,
    )
