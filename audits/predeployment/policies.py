"""Policies on record: the one that is in force, and how another takes its place."""

from __future__ import annotations

from django.conf import settings

from audits.predeployment.models import AuditPolicy
from core.context import governed
from core.errors import ApplicationError
from federation.domain.messages import digest

State = AuditPolicy.State
RiskClass = AuditPolicy.RiskClass


def in_force(risk_class: str) -> AuditPolicy:
    """The newest approved policy of a class of risk. Until people have decided on one, it is the one we ship.

    Raises
    ------
    ApplicationError
        For an unknown class.
    """
    if risk_class not in RiskClass.values:
        raise ApplicationError(f"Expected a class of risk among {', '.join(RiskClass.values)}; got {risk_class!r}.")
    newest = AuditPolicy.objects.filter(risk_class=risk_class, state=State.APPROVED).order_by("-number").first()
    if newest is not None and not newest.shipped:
        return newest
    return _shipped(risk_class, newest)


def _shipped(risk_class: str, newest: AuditPolicy | None) -> AuditPolicy:
    """Ours, as a row. A release that ships another content makes another number of it."""
    from audits.predeployment.policy import shipped  # numpy

    content = shipped(risk_class, threshold=settings.BIAS_THRESHOLD, only=settings.AUDIT_CHECKS)
    found = digest(content)
    if newest is not None and newest.content_digest == found:
        return newest
    with governed(action="policy.ship", reason="it comes with the platform"):
        number = AuditPolicy.objects.filter(risk_class=risk_class).count() + 1
        return AuditPolicy.objects.create(
            risk_class=risk_class, number=number, content=content, content_digest=found, state=State.APPROVED,
            shipped=True,
        )  # fmt: skip
