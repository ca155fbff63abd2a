"""The life of an audit: asked of every site, combined when all have answered, passed down as evidence.

Nothing waits, so any process may die at any moment: answers arrive as events, the last one enqueues one job, and the
job's effects are written together with its end.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from audits.predeployment.models import AuditRun, CheckResult
from core import artefacts, events, jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation import mailbox, training
from federation.domain.messages import digest
from federation.models import DataManifest, SiteOrder
from models_registry.models import Version

State = AuditRun.State
EVIDENCE = "predeployment_audit"
KIND = "audit"
UNKNOWN = "unknown"


def audit_start(*, version: Version, actor: Any = None, policy: Mapping[str, float] | None = None) -> AuditRun:
    """Ask every site that trained the version to audit it.

    `actor` is a person or the holder of an API key; None is the platform itself. `policy` tightens single settings,
    see `policy.policy_for`.
    """
    from audits.predeployment.policy import PolicyError, policy_for  # numpy: only who starts an audit loads it

    try:
        fixed = policy_for(version.config, policy, threshold=settings.BIAS_THRESHOLD)
    except PolicyError as error:
        raise ApplicationError(f"The audit policy is not allowed: {error}.") from error
    with governed(action="audit.start", actor=actor.id if actor else None, reason=f"audit of {version}"):
        version = Version.objects.select_for_update(no_key=True).get(id=version.id)
        if version.audits.filter(state=State.RUNNING).exists():
            raise Conflict(f"An audit of {version} is already running; wait for it to finish, or stop it.")
        fixed["mmd"]["reference_groups"] = reference_groups(version)
        audit = AuditRun.objects.create(
            version=version, policy=fixed, requested_by=actor if isinstance(actor, User) else None
        )
        _ask_sites(audit)
        return audit


def _ask_sites(audit: AuditRun) -> None:
    version = audit.version
    attachments = {"primary": version.weights_digest, "baseline": version.baseline_digest}
    try:
        for stored in attachments.values():
            artefacts.get(stored)
    except artefacts.ArtefactError as error:
        raise Conflict(f"The weights of {version} cannot be sent: {error}.") from error
    participants = training.participants_of(version.run)
    if not participants:
        raise Conflict(f"No site of {version}'s training run is left in its federation, so nobody can audit it.")
    body = {
        "run": str(version.run_id), "audit": str(audit.id), "config": version.config,
        "config_hash": version.config_hash, "policy": audit.policy,
    }  # fmt: skip
    for participant in participants:
        mailbox.order_create(
            participant=participant, kind=KIND, key=f"audit:{audit.id}", subject=audit.id, body=body,
            attachments=attachments,
        )  # fmt: skip


def reference_groups(version: Version) -> dict[str, str]:
    """For each attribute that two known groups share, the largest group over all sites: the others are held against it.

    From the manifests that the sites consented with, so before any audit patient is looked at.
    """
    manifests = DataManifest.objects.filter(
        participant__federation=version.model.federation_id, digest__in=version.manifests.values()
    )
    counts: dict[str, dict[str, int]] = {}
    for content in manifests.values_list("content", flat=True):
        for attribute, groups in content["groups"].items():
            mine = counts.setdefault(attribute, {})
            for group, n in groups.items():
                if group != UNKNOWN and n:
                    mine[group] = mine.get(group, 0) + n
    return {name: max(sorted(found), key=found.__getitem__) for name, found in counts.items() if len(found) > 1}


def audit_stop(*, audit: AuditRun, reason: str, actor: Any) -> AuditRun:
    """Give an audit up, because a site will not answer, say. Nothing is concluded from what has arrived."""
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    with governed(action="audit.stop", actor=actor.id, reason=reason):
        audit = _locked(audit.id)
        if audit.state != State.RUNNING:
            raise Conflict(f"The audit is {audit.state}; only a running one can be stopped.")
        _fail(audit, f"Stopped: {reason.strip()}", stopped_by=actor.id)
        return audit


def version_created(payload: dict) -> jobs.Effects:
    """A new version is audited at once, by the platform itself."""

    def effects() -> None:
        version = Version.objects.select_related("model", "run").get(id=payload["version"])
        if not version.audits.exists():
            audit_start(version=version)

    return effects


def audit_answered(payload: dict) -> jobs.Effects:
    """A site answered, or said why it cannot."""

    def effects() -> None:
        order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
        audit = _locked(order.subject)
        if audit.state != State.RUNNING:
            return
        if order.state == SiteOrder.State.FAILED:
            with governed(action="audit.fail", reason=order.error):
                _fail(audit, f"{order.participant}: {order.error}")
            return
        if all(row.state == SiteOrder.State.ANSWERED for row in orders_of(audit)):
            jobs.enqueue("audit.combine", {"audit": str(audit.id)}, key=f"audit.combine:{audit.id}")

    return effects


def orders_of(audit: AuditRun) -> list[SiteOrder]:
    """What was asked of each site, by site; the answers may be large and are not loaded here."""
    orders = SiteOrder.objects.filter(subject=audit.id, kind=KIND).select_related("participant__institution")
    return list(orders.defer("body", "answer").order_by("participant__site"))


@jobs.handles("audit.combine")
def audit_combine(payload: dict) -> jobs.Effects:
    """Compute every check from the sites' sums; the effects write the results and pass them down as evidence."""
    from audits.predeployment.checks import overall, run_all
    from audits.predeployment.checks.answers import AnswerError

    audit = AuditRun.objects.select_related("version__model", "version__run").get(id=payload["audit"])
    orders = list(SiteOrder.objects.filter(subject=audit.id, kind=KIND).select_related("participant"))
    try:
        checks = run_all(_data(audit, orders))
    except (AnswerError, ValueError) as error:
        complaint = f"The answers cannot be combined. {error}"
        return lambda: _give_up(audit.id, complaint)
    verdict = overall(checks)
    results = [check.as_dict() for check in checks]
    answers = {order.participant.site: order.answer_digest for order in orders}
    found = digest(canonical_results(audit, results, answers))

    def effects() -> None:
        locked = _locked(audit.id)
        if locked.state != State.RUNNING:
            return
        with governed(action="audit.finish", reason=f"audit of {audit.version}: {verdict.value}"):
            for result in results:
                CheckResult.objects.create(audit=locked, **result)
            locked.state, locked.verdict, locked.digest = State.FINISHED, verdict.value, found
            locked.summary, locked.finished_at = _summary(results, answers), timezone.now()
            locked.save(update_fields=["state", "verdict", "digest", "summary", "finished_at"])
            _pass_down(locked)

    return effects


def _pass_down(audit: AuditRun) -> None:
    from models_registry.services import evidence_record

    evidence_record(
        version=audit.version, kind=EVIDENCE, source_id=audit.id, verdict=audit.verdict, digest=audit.digest,
        summary=audit.summary,
    )  # fmt: skip
    events.emit("audit.finished", {"audit": str(audit.id), "version": str(audit.version_id), "verdict": audit.verdict})


def _data(audit: AuditRun, orders: list[SiteOrder]) -> Any:
    from audits.predeployment.checks.answers import AuditData, read_answer

    config = audit.version.config
    sites = tuple(
        read_answer(order.participant.site, order.answer or {}, task=config["task"], policy=audit.policy)
        for order in sorted(orders, key=lambda order: order.participant.site)
    )
    dp = config["local"]["dp"]
    return AuditData(config["task"], audit.policy, sites, spent_epsilon(audit.version), dp["delta"] if dp else None)


def spent_epsilon(version: Version) -> dict[str, float | None]:
    """What each site's patients have spent in the run; None where no noise bounds it or an update is missing.

    Counted again from the updates, not read from the round, so that two records must agree.
    """
    run = version.run
    spent = training.epsilon_by_site(run)
    done = run.rounds.filter(state="done").count()
    for participant in training.participants_of(run):
        if not done or participant.updates.filter(round__run=run, round__state="done").count() != done:
            spent[participant.site] = None
    return spent


def canonical_results(audit: AuditRun, results: list[dict], answers: Mapping[str, str]) -> dict[str, Any]:
    """What the audit's digest covers: the model, the policy, the sites' signed answers and every result."""
    version = audit.version
    return {
        "format": 1, "audit": str(audit.id), "version": str(version.id), "weights": version.weights_digest,
        "baseline": version.baseline_digest, "config": version.config_hash, "policy": audit.policy,
        "answers": dict(answers), "checks": sorted(results, key=lambda row: row["check_id"]),
    }  # fmt: skip


def digest_now(audit: AuditRun) -> str:
    """The digest over the rows as they stand: equal to `audit.digest`, or somebody changed them."""
    names = [
        "check_id", "principle", "title", "gating", "verdict", "value", "lower", "upper", "threshold", "sentence",
        "evidence",
    ]  # fmt: skip
    return digest(canonical_results(audit, list(audit.checks.values(*names)), audit.summary.get("answers", {})))


def _summary(results: list[dict], answers: Mapping[str, str]) -> dict[str, Any]:
    """What the registry keeps and the model card shows; the answers' digests are part of the audit's own digest."""
    checks = [{name: value for name, value in row.items() if name != "evidence"} for row in results]
    return {"checks": checks, "answers": dict(answers)}


def job_died(payload: dict) -> jobs.Effects | None:
    """The combination gave up after all its attempts: the audit says so instead of running for ever."""
    if payload["kind"] != "audit.combine":
        return None
    return lambda: _give_up(payload["payload"]["audit"], f"The results could not be computed: {payload['error']}")


def _give_up(audit_id: uuid.UUID | str, reason: str) -> None:
    audit = _locked(audit_id)
    if audit.state == State.RUNNING:
        with governed(action="audit.fail", reason=reason):
            _fail(audit, reason)


def _fail(audit: AuditRun, reason: str, *, stopped_by: uuid.UUID | None = None) -> None:
    """End a running audit without a verdict; the caller holds its lock and has named the action.

    `stopped_by` is who wrote the reason, which is then sealed under that person's key.
    """
    mailbox.orders_cancel(subject_ids=[audit.id])
    audit.stopped_by_id = stopped_by
    audit.state, audit.stop_reason, audit.finished_at = State.FAILED, reason, timezone.now()
    audit.save(update_fields=["state", "stopped_by", "stop_reason", "finished_at"])


def _locked(audit_id: uuid.UUID | str) -> AuditRun:
    return AuditRun.objects.select_for_update(of=("self",)).select_related("version__model").get(id=audit_id)
