"""Recording proposed thresholds: a person says that these are to be considered. The model goes on as it was."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from audits.predeployment.models import AuditRun, CheckResult
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation.domain.messages import digest
from models_registry.models import Evidence
from models_registry.presentation.links import THRESHOLDS
from models_registry.refusals import refusals_told
from models_registry.services import evidence_record

CHECK = "thresholds"
_NAMESPACE = uuid.UUID("6f1d3c52-6a0e-4b4e-9a55-0d0f6d1c7a10")


def proposals_of(audit: AuditRun) -> dict[str, Mapping[str, Any]]:
    """What the audit proposes, by attribute; empty where it did not look, or found nothing to propose."""
    row = audit.checks.filter(check_id=CHECK).first()
    return {} if row is None else {told["attribute"]: told for told in row.evidence.get("proposals", ())}


def recorded_of(audit: AuditRun) -> list[Evidence]:
    """Which of its proposals were recorded."""
    return list(Evidence.objects.filter(version=audit.version_id, kind=THRESHOLDS, summary__audit=str(audit.id)))


def proposal_record(*, audit: AuditRun, attribute: str, reason: str, actor: User) -> Evidence:
    """Keep a proposal as evidence about the version. It voids requests under review, since the card then differs.

    Raises
    ------
    ApplicationError
        If the audit proposes nothing for the attribute, or no reason is given.
    Conflict
        If the audit is not finished, or its proposal is on record already.
    """
    if audit.state != AuditRun.State.FINISHED:
        raise Conflict("Only a finished audit has proposals to record.")
    offered = proposals_of(audit)
    if attribute not in offered:
        names = ", ".join(offered) or "none"
        raise ApplicationError(
            _("Expected an attribute that this audit proposes thresholds for (%(names)s).") % {"names": names}
        )
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    row, told = audit.checks.get(check_id=CHECK), offered[attribute]
    source = uuid.uuid5(_NAMESPACE, f"{row.id}:{attribute}")
    with refusals_told(), governed(action="thresholds.record", actor=actor.id, reason=reason.strip()):
        AuditRun.objects.select_for_update().get(id=audit.id)  # two people at once record it once
        if Evidence.objects.filter(kind=THRESHOLDS, source_id=source).exists():
            raise Conflict(
                _("The thresholds by %(attribute)s of this audit are on record already.") % {"attribute": attribute}
            )
        return evidence_record(
            version=audit.version, kind=THRESHOLDS, source_id=source, verdict=Evidence.Verdict.NOT_ASSESSABLE,
            digest=digest({"result": row.digest, "attribute": attribute, "proposal": told}),
            summary=_summary(row, told),
        )  # fmt: skip


def _summary(row: CheckResult, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "audit": str(row.audit_id), "result": row.digest, "attribute": told["attribute"],
        "thresholds": dict(zip(told["groups"], told["thresholds"], strict=True)),
        "before": told["before"], "after": told["after"], "gap": told["gap"], "accuracy": told["accuracy"],
        "noised": told.get("noised", False), "intervals": "bounds" if "before_gap" in told else "bootstrap",
    }  # fmt: skip
