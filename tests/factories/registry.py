"""Versions with evidence, approvals and deployments, made by the services themselves, so every guard has agreed."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils import timezone

from federation.domain.messages import digest
from models_registry import services
from models_registry.assessments import assessment_record
from models_registry.models import ApprovalRequest, Assessment, Card, Deployment, Evidence, Version
from tests.factories.federation import World, make_finished_run

# Figures that fit each verdict against the limit of 0.1: value, lower, upper.
BIAS = {"pass": (0.04, 0.01, 0.08), "fail": (0.21, 0.15, 0.27), "inconclusive": (0.12, 0.04, 0.2)}


def make_version(world: World, *, models: dict[str, Any] | None = None) -> Version:
    """The version of a new finished run, with the first edition of its card and no evidence."""
    return services.version_create(run=make_finished_run(world, models=models))


def newest_card(version: Version) -> Card:
    return Card.objects.select_related("version__model__federation").filter(version=version).latest("edition")


def make_evidence(version: Version, verdict: str = "pass", *, source_id: uuid.UUID | None = None) -> Evidence:
    """Evidence of a pre-deployment audit (`source_id`: that audit, if there is a row of it)."""
    source_id = source_id or uuid.uuid4()
    value, lower, upper = BIAS.get(verdict, (None, None, None))
    check = {
        "check_id": "bias_score", "principle": "fairness", "title": "Bias score", "gating": True, "verdict": verdict,
        "value": value, "lower": lower, "upper": upper, "threshold": 0.1,
        "sentence": f"The largest gap between groups is {value}." if value else "No gap could be measured.",
    }  # fmt: skip
    summary: dict[str, Any] = {"checks": [check]}
    return services.evidence_record(
        version=version, kind="predeployment_audit", source_id=source_id, verdict=verdict,
        digest=digest({"source": str(source_id), **summary}), summary=summary,
    )  # fmt: skip


def make_assessment(version: Version, *, until: dt.date | None = None) -> Assessment:
    """That an impact assessment of the version's model is signed and in force, as `protection` tells the registry."""
    source = uuid.uuid5(uuid.NAMESPACE_OID, str(version.model_id))
    return assessment_record(
        model=version.model, source_id=source, edition=1, digest=digest(str(source)),
        in_force_until=until or timezone.now().date() + dt.timedelta(days=365),
    )  # fmt: skip


def make_request(world: World, *, version: Version | None = None, kind: str = "clinical", **fields) -> ApprovalRequest:
    """A request under review, by the administrator, on an audited version (a new one unless given)."""
    if version is None:
        version = make_version(world)
        make_evidence(version, "pass" if kind == ApprovalRequest.Kind.CLINICAL else "inconclusive")
    return services.approval_request(
        version=version, kind=kind, justification="For the trial.", actor=world.people.administrator, **fields
    )


def make_approved_request(
    world: World, *, version: Version | None = None, kind: str = "clinical", assessed: bool = True, **fields
) -> ApprovalRequest:
    """A request that both officers and the second administrator have approved; `assessed`: it can be deployed."""
    request = make_request(world, version=version, kind=kind, **fields)
    if assessed:
        make_assessment(request.version)
    people = world.people
    for actor in (people.officer_north, people.officer_south, people.administrator2):
        services.approval_decide(request=request, decision="approve", reason="Reviewed.", actor=actor)
    request.refresh_from_db()
    return request


def make_deployment(
    world: World, *, version: Version | None = None, kind: str = "clinical", name: str = "Ward", **fields
) -> Deployment:
    """An active deployment of a new (or the given, audited) version; `policy={...}` sets limits of its policy."""
    request = make_approved_request(world, version=version, kind=kind, **fields)
    return services.deployment_create(request=request, name=name, actor=world.people.administrator)
