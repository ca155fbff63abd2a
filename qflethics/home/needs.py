"""What needs this person now, most urgent first. A few queries; each row links to where it is dealt with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts import emergency, factors, invitations
from accounts.factors import open_resets
from accounts.models import User
from audits.posthoc.models import Report
from audits.predeployment import policies
from audits.predeployment.models import AuditRun, ExternalAudit, ExternalFinding
from audits.runtime.appeals import waiting_for
from audits.runtime.incident_state import clocks_of, with_details
from audits.runtime.models import AmberDecision, Halt, Incident
from audits.runtime.services import voters
from core.models import Job
from core.tones import ToneName
from federation.models import Reconsideration, TrainingRun
from federation.presentation.consents import answers_of, own_of
from federation.presentation.progress import orders_in_silence
from models_registry.models import ApprovalRequest, Deployment, Evidence, Version
from protection.needs import protection_needs

RECENT = timedelta(days=14)
_URGENCY: tuple[ToneName, ...] = ("halt", "fail", "warn", "info", "pass", "muted", "plain")


@dataclass(frozen=True)
class Need:
    """One thing to do or to know."""

    title: str
    detail: str
    url: str  # empty if the page does not exist
    tone: ToneName
    since: datetime


def needs_of(user: User) -> list[Need]:
    """Everything that waits for this person, by urgency, the longest waiting first."""
    found: list[Need] = []
    if user.may("deployment.view"):
        found += [*_halts(user), *_clocks(user)]
    if user.may("consent.sign"):
        found += _consents(user)
    if user.may("retrain.decide"):
        found += _reconsiderations(user)
    if user.may("run.start") or user.may("consent.give"):
        found += _silent_sites(user)
    if user.may("run.start"):
        found += [*_runs(user), *_dead_jobs()]
    if user.may("approval.request"):
        found += [*_versions(user), *_approved(user)]
    if user.may("approval.decide"):
        found += [*_approvals(user), *_policies(user)]
    if user.may("appeal.decide"):
        found += _appeals(user)
    if user.may("audit.view"):
        found += [*_amber(user), *_audits(user)]
    if user.may("external.view"):
        found += _external(user)
    if user.may("report.view"):
        found += _reports(user)
    found += [Need(n.title, n.detail, n.url, n.tone, n.since) for n in protection_needs(user)]
    if user.may("factor.reset"):
        found += _lost_devices(user)
    found += [*_emergencies(user), *_own_account(user)]
    return sorted(found, key=lambda need: (_URGENCY.index(need.tone), need.since))


def link(name: str, *arguments: object) -> str:
    """The page's address, or nothing where the page is not installed."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def _halts(user: User) -> Iterator[Need]:
    """Open halts: officers who have not voted are asked to; everyone else must know that nothing is served."""
    for halt in Halt.objects.standing().for_user(user).select_related("deployment").prefetch_related("reinstatements"):
        votes = halt.votes
        asked = user.may("deployment.reinstate") and any(m.user_id == user.pk for m in voters(halt))
        cause = f"Halted by {halt.author}" if halt.source != "officer" else "An officer halted it"
        where = f" at {halt.site}" if halt.site else ""
        state = f"{len(votes)} of 2 officers have voted to reinstate it."
        yield Need(
            title=f"{halt.deployment.name} is halted{where}" + (": your vote is asked" if asked else ""),
            detail=f"{cause}: {halt.reason} Nothing is served{where}. {state}",
            url=link("deployment", halt.deployment_id),
            tone="halt" if asked or not user.may("deployment.reinstate") else "warn",
            since=halt.created_at,
        )


def _clocks(user: User) -> Iterator[Need]:
    """Clocks that run, for officers of the federation; and to everybody, their own tasks of incidents."""
    open_incidents = with_details(Incident.objects.not_closed().for_user(user))
    for incident in open_incidents:
        running = [view for view in clocks_of(incident) if view.running] if user.may("incident.manage") else []
        if running:
            first, late = running[0], [view for view in running if view.overdue]
            yield Need(
                title=f"{incident.deployment.name}: an incident clock is {'overdue' if late else 'due'}",
                detail=f"{first.clock.article}, {first.clock.title}: until {first.due:%d %b %Y, %H:%M} UTC. "
                f"{len(running)} run{'s' if len(running) == 1 else ''}; say which apply, and report.",
                url=link("incident", incident.id), tone="fail" if late else "warn", since=incident.created_at,
            )  # fmt: skip
        for task in incident.tasks.all():
            if task.owner_id == user.pk and task.done_at is None:
                yield Need(
                    title=f"A task of yours: {task.title}", detail=f"Until {task.due_on:%d %b %Y}.",
                    url=link("incident", incident.id), tone="fail" if task.overdue else "warn", since=task.created_at,
                )  # fmt: skip


def _consents(user: User) -> Iterator[Need]:
    """Runs that wait for the signature of the person's own institution in a role that the person holds there."""
    own = TrainingRun.objects.filter(
        state=TrainingRun.State.PROPOSED, federation__participants__institution__in=user.institution_ids
    )
    for run in own.select_related("federation").distinct():
        mine = own_of(run, answers_of(run), user)
        if mine is None or not mine.capacities:
            continue
        yield Need(
            title=f"Your signature is asked: {run.name}",
            detail=f"{run.federation.name}: {run.rounds_planned} rounds. You sign as "
            f"{' or '.join(label.lower() for _, label in mine.capacities)} of {mine.participant.institution}; the run "
            "waits until every institution has signed.",
            url=link("run_terms", run.id),
            tone="warn",
            since=run.created_at,
        )


def _reconsiderations(user: User) -> Iterator[Need]:
    """What a run learned from data that are lent no more; who withdrew does not decide."""
    waiting = Reconsideration.objects.open().for_user(user).exclude(opened_by=user)
    for matter in waiting.select_related("run", "participant__institution"):
        yield Need(
            title=f"Retrain or retire, {'overdue' if matter.overdue else 'your decision is asked'}: {matter.run.name}",
            detail=f"{matter.get_cause_display()} ({matter.participant.institution}). To be decided by "
            f"{matter.due_at:%d %b %Y}.",
            url=link("run", matter.run_id),
            tone="fail" if matter.overdue else "warn",
            since=matter.created_at,
        )


def _silent_sites(user: User) -> Iterator[Need]:
    orders = orders_in_silence(now=timezone.now()).select_related("participant__institution").defer("body")
    if not user.sees_all:
        orders = orders.filter(participant__institution__in=user.institution_ids)
    for order in orders.order_by("participant_id", "created_at").distinct("participant_id"):
        site = order.participant
        yield Need(
            title=f"{site.institution.name}: the site's worker is silent",
            detail=f"An answer ({order.kind}) is awaited from {site.site}. Its operator looks whether the worker runs.",
            url=link("federation", site.federation_id),
            tone="fail",
            since=site.last_seen_at or order.created_at,
        )


def _runs(user: User) -> Iterator[Need]:
    """Runs to start or to resume, and the last one of a federation if it failed."""
    state = TrainingRun.State
    newest = TrainingRun.objects.filter(federation=OuterRef("federation")).order_by("-created_at").values("id")[:1]
    runs = (
        TrainingRun.objects.for_user(user)
        .annotate(newest=Subquery(newest))
        .filter(Q(state__in=[state.APPROVED, state.PAUSED]) | Q(state=state.FAILED, id=Subquery(newest)))
        .select_related("federation")
    )
    for run in runs:
        words, tone = {
            state.APPROVED: ("is ready to start", "warn"),
            state.PAUSED: ("is paused", "warn"),
            state.FAILED: ("has failed", "fail"),
        }[state(run.state)]
        detail = {
            state.APPROVED: "Every site has consented.",
            state.PAUSED: "Nothing is asked of the sites until it is resumed.",
            state.FAILED: run.stop_reason,
        }[state(run.state)]
        yield Need(
            f"{run.name} {words}", f"{run.federation.name}: {detail}", link("run", run.id), tone,  # type: ignore[arg-type]
            run.finished_at or run.created_at,
        )  # fmt: skip


def _dead_jobs() -> Iterator[Need]:
    for job in Job.objects.filter(state=Job.State.DEAD, finished_at__gte=timezone.now() - RECENT)[:5]:
        yield Need(
            f"A background job gave up: {job.kind}", job.last_error, "", "fail", job.finished_at or job.created_at
        )


def _versions(user: User) -> Iterator[Need]:
    """The newest version of a model, audited without failing, for which nobody has made a request."""
    mine = {"version": OuterRef("pk")}
    verdicts = Evidence.objects.filter(kind="predeployment_audit", **mine).order_by("-created_at")
    states = ApprovalRequest.State
    closed = [states.WITHDRAWN, states.VOIDED, states.CHANGE_REQUESTED, states.EXPIRED]
    versions = (
        Version.objects.for_user(user)
        .annotate(
            verdict=Subquery(verdicts.values("verdict")[:1]),
            audited_at=Subquery(verdicts.values("created_at")[:1]),
            newer=Exists(Version.objects.filter(model=OuterRef("model"), number__gt=OuterRef("number"))),
            asked=Exists(ApprovalRequest.objects.filter(**mine).exclude(state__in=closed)),
        )
        .filter(verdict__isnull=False, newer=False, asked=False)
        .exclude(verdict=Evidence.Verdict.FAIL)
        .select_related("model")
    )
    for version in versions:
        clinical = version.verdict == Evidence.Verdict.PASS
        yield Need(
            title=f"{version} needs an approval request",
            detail="Its audit passed: clinical use may be requested."
            if clinical
            else "Its audit is not conclusive: only a shadow deployment may be requested.",
            url=link("version", version.id),
            tone="info",
            since=version.audited_at,
        )


def _approved(user: User) -> Iterator[Need]:
    approved = ApprovalRequest.objects.for_user(user).filter(
        state=ApprovalRequest.State.APPROVED, deployment__isnull=True
    )
    for request in approved.select_related("version__model"):
        yield Need(
            f"{request} is approved and not deployed", "An administrator deploys it.", link("approval", request.id),
            "info", request.closed_at or request.created_at,
        )  # fmt: skip


def _approvals(user: User) -> Iterator[Need]:
    """Requests that this person may decide: not their own, not decided by them yet."""
    waiting = (
        ApprovalRequest.objects.for_user(user)
        .filter(state=ApprovalRequest.State.UNDER_REVIEW)
        .exclude(requested_by=user)
        .exclude(decisions__decided_by=user)
        .select_related("version__model")
    )
    for request in waiting:
        yield Need(
            title=f"Your decision is asked: {request}",
            detail=request.justification,
            url=link("approval", request.id),
            tone="warn",
            since=request.created_at,
        )


def _policies(user: User) -> Iterator[Need]:
    """Proposed policies of audits that wait for this person."""
    for policy in policies.waiting(user):
        yield Need(
            title=f"Your decision is asked: {policy}", detail=policy.justification, url=link("policy", policy.id),
            tone="warn", since=policy.created_at,
        )  # fmt: skip


def _amber(user: User) -> Iterator[Need]:
    """Warnings that wait for an officer's decision; overdue ones are told to everyone who sees audits."""
    asked = AmberDecision.objects.open().for_user(user).filter(deployment__state=Deployment.State.ACTIVE)
    decides = user.may("deployment.halt")
    for row in asked.select_related("deployment"):
        asked_for = "your decision is asked" if decides else "an officer's decision is asked"
        words = "a decision is overdue" if row.overdue else asked_for
        yield Need(
            title=f"{row.deployment.name}: the monitor is amber, {words}",
            detail=f"Due by {row.due_at:%d %b %Y}. {next(iter(row.warnings.values()))}",
            url=link("deployment", row.deployment_id),
            tone="fail" if row.overdue else "warn",
            since=row.created_at,
        )


def _audits(user: User) -> Iterator[Need]:
    """Audits under way, and failed ones that were not repeated."""
    later = AuditRun.objects.filter(version=OuterRef("version"), created_at__gt=OuterRef("created_at"))
    audits = (
        AuditRun.objects.for_user(user)
        .filter(Q(state=AuditRun.State.RUNNING) | Q(state=AuditRun.State.FAILED) & ~Exists(later))
        .select_related("version__model")
    )
    for audit in audits:
        failed = audit.state == AuditRun.State.FAILED
        yield Need(
            title=f"The audit of {audit.version} " + ("could not be completed" if failed else "is under way"),
            detail=audit.stop_reason if failed else "The sites compute; only sums leave them.",
            url=link("audit", audit.id),
            tone="fail" if failed else "info",
            since=audit.finished_at or audit.created_at,
        )


def _external(user: User) -> Iterator[Need]:
    """To a board's auditor, what is open; to those who decide, what boards found of late."""
    if user.may("external.work"):
        for external in ExternalAudit.objects.open_to(user).select_related("version__model"):
            yield Need(
                title=f"You are invited to audit {external.version}",
                detail=f"Until {external.expires_at:%d %b %Y}. Bring patients, run checks, say what you find.",
                url=link("external_audit", external.id), tone="info", since=external.created_at,
            )  # fmt: skip
    if user.may("approval.decide"):
        seen = ExternalAudit.objects.for_user(user).values("id")
        findings = ExternalFinding.objects.filter(external__in=seen, created_at__gte=timezone.now() - RECENT)
        for finding in findings.exclude(severity="note").select_related("external__board", "external__version__model"):
            yield Need(
                title=f"{finding.external.board} found something on {finding.external.version}",
                detail=f"{finding.get_severity_display()}: {finding.text}",
                url=link("external_audit", finding.external_id),
                tone="info" if finding.severity == "minor" else "warn", since=finding.created_at,
            )  # fmt: skip


def _lost_devices(user: User) -> Iterator[Need]:
    """Second factors to be reset, to the administrators who did not ask for it themselves."""
    for reset in open_resets(user):
        if reset.requested_by_id != user.pk:
            yield Need(
                title=f"A lost device: {reset.user}",
                detail=f"{reset.requested_by} asks that the second factor is reset; a second administrator is needed "
                f"until {reset.expires_at:%d %b %Y, %H:%M} UTC.",
                url=link("account"), tone="warn", since=reset.created_at,
            )  # fmt: skip


def _emergencies(user: User) -> Iterator[Need]:
    """Emergency access: to confirm within minutes, to know of while it is on, to judge afterwards by a day."""
    found = emergency.open_for(user)
    for row in found.to_confirm:
        yield Need(
            title=f"{row.requested_by} asks for emergency access: confirm it?",
            detail=f"{row.institution}, until {row.confirm_until:%H:%M} UTC: {row.reason}",
            url=link("emergencies"), tone="halt", since=row.created_at,
        )  # fmt: skip
    for row in found.running:
        yield Need(
            title=f"Emergency access is on at {row.institution}",
            detail=f"{row.requested_by}, confirmed by {row.confirmed_by}, until {row.ends_at:%H:%M} UTC.",
            url=link("emergencies"), tone="warn", since=row.created_at,
        )  # fmt: skip
    for row in found.to_review:
        state = "overdue" if row.review_overdue else "asked"
        yield Need(
            title=f"Emergency access at {row.institution}: your judgement is {state}",
            detail=f"{row.requested_by} had it on {row.confirmed_at:%d %b %Y}. Say by {row.review_due_on:%d %b %Y} "
            "whether it was right.",
            url=link("emergencies"), tone="fail" if row.review_overdue else "warn", since=row.created_at,
        )  # fmt: skip


def _own_account(user: User) -> Iterator[Need]:
    """Roles that wait to be accepted, and recovery codes that nobody has looked at yet."""
    for invitation in invitations.waiting_for(user):
        yield Need(
            title=f"You are invited: {invitation}", detail=f"Accept it until {invitation.expires_at:%d %b %Y}.",
            url=link("account"), tone="info", since=invitation.created_at,
        )  # fmt: skip
    codes = factors.recovery_codes_of(user)
    if codes is not None and not codes.wrap().did_view:
        yield Need(
            title="Recovery codes wait for you", detail="They are shown once. Keep them for the day a device is lost.",
            url=link("mfa_view_recovery_codes"), tone="info", since=codes.created_at,
        )  # fmt: skip


def _appeals(user: User) -> Iterator[Need]:
    for appeal in waiting_for(user):
        yield Need(
            title="An appeal is overdue" if appeal.overdue else "An appeal waits for a decision",
            detail=f"Against {appeal.deployment.name}, to be decided by {appeal.due_on:%d %b %Y}.",
            url=link("appeal", appeal.id), tone="fail" if appeal.overdue else "warn", since=appeal.created_at,
        )  # fmt: skip


def _reports(user: User) -> Iterator[Need]:
    states: Iterable[str] = [Report.State.FINISHED, Report.State.FAILED]
    for report in Report.objects.for_user(user).filter(state__in=states, finished_at__gte=timezone.now() - RECENT)[:3]:
        failed = report.state == Report.State.FAILED
        yield Need(
            title=f"The report {report.period_start} to {report.period_end} "
            + ("could not be made" if failed else "is ready"),
            detail=report.stop_reason if failed else "PDF and the data it was made from.",
            url=link("report", report.id),
            tone="fail" if failed else "info",
            since=report.finished_at or report.created_at,
        )
