"""What the platform itself tells in the record of processing and in impact assessments: rows, never judgements."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse

from accounts.models import Membership
from audits.posthoc.models import Risk
from audits.predeployment.models import AuditRun, CheckResult
from core.roles import LABELS, Role
from federation.models import DataManifest, FederationAgreement, Participant, TrainingRun
from models_registry.models import Deployment, Model, Version
from protection.models import RestoreDrill, SubjectRequest
from provenance.models import Checkpoint

Lines = list[dict[str, Any]]  # text, and url where there is a page of it
PRIVACY_CHECKS = ("membership", "reconstruction", "model_inversion", "attribute_inference", "leakage", "epsilon")


def line(text: str, url: str = "") -> dict[str, Any]:
    return {"text": text, "url": url}


def recipients(federations: Collection[Any]) -> list[dict[str, Any]]:
    """The institutions of these federations, with the role of each under its agreement."""
    newest: dict[Any, FederationAgreement] = {}
    for agreement in FederationAgreement.objects.filter(participant__federation__in=federations):  # the newest first
        newest.setdefault(agreement.participant_id, agreement)
    rows = Participant.objects.filter(federation__in=federations, is_active=True).select_related("institution")
    return [
        {
            "name": row.institution.name, "federation": str(row.federation_id),
            "role": _role_of(newest.get(row.pk)), "liability": getattr(newest.get(row.pk), "liability", ""),
        }
        for row in rows
    ]  # fmt: skip


def _role_of(agreement: FederationAgreement | None) -> str:
    if agreement is None:
        return "no agreement on record"
    return agreement.get_role_display() if agreement.is_current else f"{agreement.get_role_display()}, ended"


def _models(user: Any) -> Lines:
    rows = Version.objects.for_user(user).select_related("model")[:50]
    return [line(f"{row}: {row.model.intended_use[:160]}", reverse("version", args=[row.pk])) for row in rows]


def _deployments(user: Any) -> Lines:
    rows = Deployment.objects.for_user(user).exclude(state=Deployment.State.REVOKED).select_related("version__model")
    return [
        line(f"{row}: {row.get_kind_display()}, {row.version}, {row.state}", reverse("deployment", args=[row.pk]))
        for row in rows[:50]
    ]


def manifests(federations: Collection[Any]) -> list[DataManifest]:
    """The newest manifest of each active site."""
    rows = DataManifest.objects.filter(participant__federation__in=federations, participant__is_active=True)
    newest = rows.order_by("participant_id", "-created_at").distinct("participant_id")
    return list(newest.select_related("participant__institution"))


def manifest_words(row: DataManifest) -> str:
    content = row.content
    return (
        f"{row.participant}: {content.get('title', 'data')}, {content.get('n_patients', 0):,} patients"
        f"{', synthetic' if content.get('synthetic') else ''}, digest {row.digest[:12]}…"
    )


def _federations(user: Any) -> list[Any]:
    return list(Model.objects.for_user(user).values_list("federation", flat=True).distinct())


def _data_sets(user: Any) -> Lines:
    return [line(manifest_words(row)) for row in manifests(_federations(user))]


def _recipients(user: Any) -> Lines:
    return [
        line(f"{one['name']}: {one['role']}", f"{reverse('federation', args=[one['federation']])}#agreements")
        for one in recipients(_federations(user))
    ]


def _privacy(user: Any) -> Lines:
    runs = TrainingRun.objects.filter(
        federation__in=_federations(user), state=TrainingRun.State.FINISHED
    ).only("config")  # fmt: skip
    done = list(runs)
    private = sum(1 for run in done if run.config.get("epsilon_budget") is not None or run.config.get("privacy"))
    return [line(f"{private} of {len(done)} finished runs used differential privacy", reverse("federations"))]


def _people(_user: Any) -> Lines:
    held = Membership.objects.filter(is_active=True).values("role").annotate(n=Count("user", distinct=True))
    return [line(f"{LABELS[Role(row['role'])]}: {row['n']}") for row in held.order_by("role")]


def _requests(user: Any) -> Lines:
    told = SubjectRequest.objects.for_user(user).aggregate(
        n=Count("pk"), open=Count("pk", filter=~Q(state__in=SubjectRequest.ENDED))
    )
    return [line(f"{told['n']} requests on record, {told['open']} open", reverse("subject_requests"))]


FACTS: dict[str, Callable[[Any], Lines]] = {
    "models": _models, "deployments": _deployments, "data_sets": _data_sets, "recipients": _recipients,
    "privacy": _privacy, "people": _people, "requests": _requests,
}  # fmt: skip
TITLES = {
    "models": "Models", "deployments": "Deployments", "data_sets": "Data sets",
    "recipients": "Recipients and their roles",
    "privacy": "Privacy of training", "people": "People with an account", "requests": "Requests",
}  # fmt: skip


def security() -> Lines:
    """Technical and organisational measures that are in force here (Art. 30(1)(g), 32), as measured."""
    roles = ", ".join(sorted(LABELS[Role(name)].lower() for name in settings.MFA_REQUIRED_ROLES)) or "nobody"
    newest = Checkpoint.objects.order_by("-size").first()
    drill = RestoreDrill.objects.filter(outcome=RestoreDrill.Outcome.PASSED).first()
    signed = (
        f"{newest.size:,} entries under a signed checkpoint of {newest.created_at:%d %b %Y}" if newest else "none yet"
    )
    held = f"{drill.created_at:%d %b %Y}" if drill else "none has passed yet"
    return [
        line("Names, addresses and typed reasons are sealed under each person's own key; patients by pseudonym only"),
        line(f"A second factor is required of: {roles}"),
        line(f"Ledger: {signed}", reverse("ledger")),
        line(f"Newest restore drill that passed: {held}", reverse("continuity")),
    ]


def assessment_facts(model: Model) -> dict[str, list[str]]:
    """What an impact assessment of a model rests on, in sentences; it stands still from the signature on."""
    federation = model.federation
    versions = list(model.versions.all())
    audits = AuditRun.objects.filter(version__in=versions, state=AuditRun.State.FINISHED)
    newest = audits.order_by("version_id", "-finished_at").distinct("version_id")
    checks = CheckResult.objects.filter(audit__in=newest.values("pk"), check_id__in=PRIVACY_CHECKS)
    risks = Risk.objects.filter(version__in=versions).exclude(state="closed")
    deployed = Deployment.objects.filter(version__in=versions).exclude(state=Deployment.State.REVOKED)
    return {
        "Purpose": [model.intended_use, f"Federation: {federation.name}, {federation.purpose}"],
        "Data": [manifest_words(row) for row in manifests([federation.pk])],
        "Recipients and their roles": [
            f"{one['name']}: {one['role']}. {one['liability']}".strip() for one in recipients([federation.pk])
        ],
        "Versions": [f"{version} of {version.created_at:%d %b %Y}" for version in versions],
        "Attacks on privacy, newest audit": [
            f"{check.audit.version}: {check.title}, {check.get_verdict_display().lower()}. {check.sentence}"
            for check in checks.select_related("audit__version__model").order_by("audit", "check_id")
        ],
        "Risks on the register": [f"{risk.hazard} ({risk.get_state_display().lower()})" for risk in risks],
        "Use": [f"{row}: {row.get_kind_display()}" for row in deployed.select_related("version__model")],
        "Human oversight": [
            "A clinician decides; every prediction can be reviewed and contested; officers halt a deployment at once."
        ],
    }  # fmt: skip
