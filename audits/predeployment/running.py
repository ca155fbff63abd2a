"""How an audit runs: each site is asked one thing at a time, and each check is concluded when its answers are in.

Nothing waits. An answer arrives as an event; it asks the same site the next thing, and enqueues the checks that have
all they need. So any process may die at any moment, a site that trains is never held up for long, and one failing
check never stops the others. The last check to be concluded ends the audit.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable

from django.utils import timezone

from audits.domain.verdict import Verdict
from audits.predeployment import concluding, deadlines
from audits.predeployment.checks.not_installed import check_or_stand_in
from audits.predeployment.concluding import ENDED, KIND
from audits.predeployment.models import AuditRun, CheckResult
from audits.predeployment.policy import plan, settings_in
from audits.predeployment.results import canonical_results, overall, summary
from core import events, jobs
from core.context import governed
from federation import mailbox
from federation.domain.messages import digest
from federation.models import Participant, SiteOrder
from models_registry.services import evidence_record

EVIDENCE = "predeployment_audit"


def ask(audit: AuditRun, participants: Iterable[Participant]) -> None:
    """Send each of these sites the next thing that it has not been asked."""
    steps, silent = plan(audit.policy), deadlines.silent_sites(audit)
    for participant in participants:
        asked = {
            (order.body["check"], order.body["shard"]): order.state
            for order in participant.orders.filter(subject=audit.id, kind=KIND).only("body", "state")
        }
        given_up = {name for (name, _), state in asked.items() if state == SiteOrder.State.FAILED}
        if participant.site in silent or SiteOrder.State.PENDING in asked.values():
            continue
        following = next((step for step in steps if step not in asked and step[0] not in given_up), None)
        if following is not None:
            _order(audit, participant, *following)


def _order(audit: AuditRun, participant: Participant, check_id: str, shard: int) -> None:
    version, settings = audit.version, settings_in(audit.policy, check_id)
    limit = deadlines.limit_of(audit, check_id)
    body = {
        "run": str(version.run_id), "audit": str(audit.id), "config": version.config,
        "config_hash": version.config_hash, "check": check_id, "shard": shard,
        "shards": check_or_stand_in(check_id).shards(settings), "settings": settings, "seed": audit.policy["seed"],
        "reference_groups": audit.policy["reference_groups"],
        "answer_by": (timezone.now() + limit).isoformat(),
    }  # fmt: skip
    order = mailbox.order_create(
        participant=participant, kind=KIND, key=f"audit:{audit.id}:{check_id}:{shard}", subject=audit.id, body=body,
        attachments={"primary": version.weights_digest, "baseline": version.baseline_digest},
    )  # fmt: skip
    deadlines.watch(order, limit)


def answered(payload: dict) -> jobs.Effects:
    """A site answered, or said why it cannot."""

    def effects() -> None:
        order = SiteOrder.objects.select_related("participant").get(id=payload["order"])
        audit = locked(order.subject)
        if audit.state == AuditRun.State.RUNNING:
            ask(audit, [order.participant])
            enqueue_ready(audit)

    return effects


@jobs.handles("audit.deadline")
def overdue(payload: dict) -> jobs.Effects:
    """The time of an order is up. If nobody has answered, the audit goes on without it.

    It goes on in any case: so an event that was lost with all its attempts holds nothing up for longer than this.
    """

    def effects() -> None:
        audit = locked(SiteOrder.objects.only("subject").get(id=payload["order"]).subject)
        if audit.state == AuditRun.State.RUNNING:
            order = SiteOrder.objects.select_related("participant").get(id=payload["order"])
            if order.state == SiteOrder.State.PENDING:
                deadlines.close(order, payload["limit_seconds"])
            ask(audit, [order.participant])
            enqueue_ready(audit)

    return effects


def enqueue_ready(audit: AuditRun) -> None:
    """Enqueue every check whose answers are in. What needs no site comes last: it looks at the whole trail."""
    steps = plan(audit.policy)
    waiting = _waiting(steps, orders_of(audit), deadlines.silent_sites(audit))
    done = set(audit.checks.values_list("check_id", flat=True))
    for name in audit.policy["checks"]:
        check = check_or_stand_in(name)
        ready = (check.measured_by or name) not in waiting if check.at_sites else not waiting
        if ready and name not in done:
            payload = {"audit": str(audit.id), "check": name}
            jobs.enqueue("audit.check", payload, key=f"audit.check:{audit.id}:{name}")


def _waiting(steps: list[tuple[str, int]], orders: list[SiteOrder], silent: Collection[str]) -> set[str]:
    """Measurements that a site still owes. A site that failed at one shard is not asked for the others."""
    ended = {(o.participant.site, o.body["check"], o.body["shard"]): o.state for o in orders if o.state in ENDED}
    failed = {(site, name) for (site, name, _), state in ended.items() if state == SiteOrder.State.FAILED}
    sites = {order.participant.site for order in orders} - set(silent)
    return {
        name
        for name, shard in steps
        for site in sites
        if (site, name, shard) not in ended and (site, name) not in failed
    }


def orders_of(audit: AuditRun) -> list[SiteOrder]:
    """What was asked of each site, by site and time; the answers may be large and are not loaded here."""
    orders = SiteOrder.objects.filter(subject=audit.id, kind=KIND).select_related("participant__institution")
    return list(orders.defer("answer").order_by("participant__site", "created_at"))


@jobs.handles("audit.check")
def audit_check(payload: dict) -> jobs.Effects | None:
    """Conclude one check; the effects keep its result and, if it is the last one, end the audit."""
    audit = AuditRun.objects.select_related("version__model", "version__run").get(id=payload["audit"])
    if audit.state != AuditRun.State.RUNNING:
        return None
    row = concluding.row_of(audit, payload["check"])
    return lambda: _keep(audit.id, row)


def _keep(audit_id: uuid.UUID, row: dict) -> None:
    held = locked(audit_id)
    if held.state == AuditRun.State.RUNNING and not held.checks.filter(check_id=row["check_id"]).exists():
        with governed(action="audit.check", reason=f"{row['title']}: {row['verdict']}"):
            CheckResult.objects.create(audit=held, **row)
        finish_if_complete(held)


def job_died(payload: dict) -> jobs.Effects | None:
    """A check gave up after all its attempts: it is inconclusive, and the others go on."""
    if payload["kind"] != "audit.check":
        return None
    audit = AuditRun.objects.select_related("version").get(id=payload["payload"]["audit"])
    row = concluding.row_of_failure(audit, payload["payload"]["check"], payload["error"])
    return lambda: _keep(audit.id, row)


def finish_if_complete(audit: AuditRun) -> None:
    """End the audit when every check of its policy has a result; the caller holds its lock."""
    results = list(audit.checks.all())
    if {row.check_id for row in results} != set(audit.policy["checks"]):
        return
    verdict = overall(results)
    with governed(action="audit.finish", reason=f"audit of {audit.version}: {verdict.value}"):
        audit.state, audit.finished_at = AuditRun.State.FINISHED, timezone.now()
        audit.save(update_fields=["state", "finished_at"])
        mailbox.orders_cancel(subject_ids=[audit.id])  # of a check that was uninstalled, say
        _record(audit, results, verdict)
        told = {"audit": str(audit.id), "version": str(audit.version_id), "verdict": audit.verdict}
        events.emit("audit.finished", told)


def keep_fail(audit: AuditRun) -> None:
    """Of an audit that was given up, keep a fail that some check had already found; the caller holds its lock."""
    results = list(audit.checks.all())
    if overall(results) is Verdict.FAIL:
        _record(audit, results, Verdict.FAIL)


def _record(audit: AuditRun, results: list[CheckResult], verdict: Verdict) -> None:
    audit.verdict, audit.summary = verdict.value, summary(audit, results)
    audit.digest = digest(canonical_results(audit, results))
    audit.save(update_fields=["verdict", "digest", "summary"])
    evidence_record(
        version=audit.version, kind=EVIDENCE, source_id=audit.id, verdict=audit.verdict, digest=audit.digest,
        summary=audit.summary,
    )  # fmt: skip


def locked(audit_id: uuid.UUID | str) -> AuditRun:
    """The audit, held against every other process until the transaction ends."""
    return (
        AuditRun.objects.select_for_update(of=("self",))
        .select_related("version__model", "version__run")
        .get(id=audit_id)
    )
