"""Decisions on models, and what happens where they are used."""

from __future__ import annotations

from django.db.models import Count, F, Max, Q
from django.utils import timezone

from accounts.models import Membership
from audits.posthoc.evidence.base import Counted, Records, counted, provides
from audits.runtime.models import Appeal, Halt, Incident, IncidentRecord, MonitorState, Review
from core.roles import Role
from models_registry.models import ApprovalRequest, Deployment, ReviewerKey


@provides("approvals", "approvals")
def _approvals(_records: Records) -> Counted:
    deployed = Deployment.objects.aggregate(n=Count("pk"), newest=Max("approval__closed_at"))
    good = (
        ApprovalRequest.objects.filter(deployment__isnull=False)
        .annotate(
            houses=Count("decisions__institution", distinct=True, filter=Q(decisions__decision="approve")),
            people=Count("decisions__decided_by", distinct=True, filter=Q(decisions__decision="approve")),
        )
        .filter(houses__gte=2, people__gte=3)
        .count()
    )
    sentence = f"{good} of {deployed['n']} deployments rest on two officers of two institutions and an administrator."
    return Counted(good, deployed["n"], deployed["newest"], sentence)


@provides("reviewer_keys", "approvals")
def _reviewer_keys(_records: Records) -> Counted:
    people = Q(role__in=[Role.ETHICS_OFFICER, Role.ADMINISTRATOR], is_active=True)
    of = Membership.objects.filter(people).values("user").distinct().count()
    rows = ReviewerKey.objects.filter(
        revoked_at__isnull=True, user__in=Membership.objects.filter(people).values("user")
    )
    return counted(rows, of, "{n} of {of} officers and administrators hold a key of their own.", per="user")


@provides("deployments", "deployments")
def _deployments(_records: Records) -> Counted:
    of = Deployment.objects.exclude(state=Deployment.State.REVOKED).count()
    rows = MonitorState.objects.exclude(deployment__state=Deployment.State.REVOKED).filter(updated_at__isnull=False)
    return counted(rows, of, "{n} of {of} deployments were folded by the monitor.", at="updated_at")


@provides("halts", "deployments")
def _halts(_records: Records) -> Counted:
    told = Halt.objects.aggregate(
        n=Count("pk"), automatic=Count("pk", filter=Q(automatic=True)), newest=Max("created_at"),
        closed=Count("pk", filter=Q(closed_at__isnull=False)),
    )  # fmt: skip
    sentence = f"{told['n']} halts, {told['automatic']} by the monitor; {told['closed']} ended by a reinstatement."
    return Counted(min(told["n"], 1), min(Deployment.objects.count(), 1), told["newest"], sentence)


@provides("incidents", "incidents")
def _incidents(records: Records) -> Counted:
    told = Incident.objects.exclude(state=Incident.State.OPEN).aggregate(n=Count("pk"), newest=Max("created_at"))
    sentence = f"{told['n']} of {records.incidents} incidents are contained, resolved or closed."
    return Counted(told["n"], records.incidents, told["newest"], sentence)


@provides("clocks", "incidents")
def _clocks(records: Records) -> Counted:
    rows = IncidentRecord.objects.filter(kind=IncidentRecord.Kind.CLOCK)
    return counted(
        rows, records.incidents, "{n} of {of} incidents have an answer on a regulator clock.", per="incident"
    )


@provides("reviews", "deployments")
def _reviews(_records: Records) -> Counted:
    of = Deployment.objects.exclude(state=Deployment.State.REVOKED).count()
    return counted(Review.objects.all(), of, "{n} of {of} deployments have reviews by clinicians.", per="deployment")


@provides("appeals", "appeals")
def _appeals(_records: Records) -> Counted:
    late = Q(state="decided", decided_at__date__gt=F("due_on")) | Q(due_on__lt=timezone.now().date()) & ~Q(
        state="decided"
    )
    told = Appeal.objects.aggregate(n=Count("pk"), late=Count("pk", filter=late), newest=Max("created_at"))
    sentence = f"{told['n']} appeals, {told['late']} of them decided late or overdue."
    return Counted(told["n"] - told["late"], told["n"], told["newest"], sentence)
