"""How an audit runs: each site is asked one thing at a time, and each check is concluded when its answers are in.

Nothing waits. An answer arrives as an event; it asks the same site the next thing, and enqueues the checks that have
all they need. So any process may die at any moment, a site that trains is never held up for long, and one failing
check never stops the others. The last check to be concluded ends the audit.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone

from audits.domain.verdict import Verdict
from audits.predeployment import facts
from audits.predeployment.checks.base import AnswerError, Gathered, Result
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import conclude, read_answer
from audits.predeployment.models import AuditRun, CheckResult
from audits.predeployment.policy import plan, settings_in
from audits.predeployment.results import canonical_results, overall, result_row, summary
from core import events, jobs
from core.context import governed
from federation import mailbox
from federation.domain.data.dataset import part_sizes
from federation.domain.messages import digest
from federation.models import DataManifest, Participant, SiteOrder
from models_registry.models import Version
from models_registry.services import evidence_record

EVIDENCE = "predeployment_audit"
KIND = "audit"
ENDED = (SiteOrder.State.ANSWERED, SiteOrder.State.FAILED)
LONGEST_SECONDS = 10**7  # what a site may say that one order took


def ask(audit: AuditRun, participants: Iterable[Participant]) -> None:
    """Send each of these sites the next thing that it has not been asked."""
    steps = plan(audit.policy)
    for participant in participants:
        asked = {
            (order.body["check"], order.body["shard"]): order.state
            for order in participant.orders.filter(subject=audit.id, kind=KIND).only("body", "state")
        }
        given_up = {name for (name, _), state in asked.items() if state == SiteOrder.State.FAILED}
        if SiteOrder.State.PENDING in asked.values():
            continue
        following = next((step for step in steps if step not in asked and step[0] not in given_up), None)
        if following is not None:
            _order(audit, participant, *following)


def _order(audit: AuditRun, participant: Participant, check_id: str, shard: int) -> None:
    version, settings = audit.version, settings_in(audit.policy, check_id)
    body = {
        "run": str(version.run_id), "audit": str(audit.id), "config": version.config,
        "config_hash": version.config_hash, "check": check_id, "shard": shard,
        "shards": check_of(check_id).shards(settings), "settings": settings, "seed": audit.policy["seed"],
        "reference_groups": audit.policy["reference_groups"],
    }  # fmt: skip
    mailbox.order_create(
        participant=participant, kind=KIND, key=f"audit:{audit.id}:{check_id}:{shard}", subject=audit.id, body=body,
        attachments={"primary": version.weights_digest, "baseline": version.baseline_digest},
    )  # fmt: skip


def answered(payload: dict) -> jobs.Effects:
    """A site answered, or said why it cannot."""

    def effects() -> None:
        order = SiteOrder.objects.select_related("participant").get(id=payload["order"])
        audit = locked(order.subject)
        if audit.state == AuditRun.State.RUNNING:
            ask(audit, [order.participant])
            enqueue_ready(audit)

    return effects


def enqueue_ready(audit: AuditRun) -> None:
    """Enqueue every check whose answers are in. What needs no site comes last: it looks at the whole trail."""
    steps = plan(audit.policy)
    waiting = _waiting(steps, orders_of(audit))
    done = set(audit.checks.values_list("check_id", flat=True))
    for name in audit.policy["checks"]:
        check = check_of(name)
        ready = (check.measured_by or name) not in waiting if check.at_sites else not waiting
        if ready and name not in done:
            payload = {"audit": str(audit.id), "check": name}
            jobs.enqueue("audit.check", payload, key=f"audit.check:{audit.id}:{name}")


def _waiting(steps: list[tuple[str, int]], orders: list[SiteOrder]) -> set[str]:
    """Measurements that a site still owes. A site that failed at one shard is not asked for the others."""
    ended = {(o.participant.site, o.body["check"], o.body["shard"]): o.state for o in orders if o.state in ENDED}
    failed = {(site, name) for (site, name, _), state in ended.items() if state == SiteOrder.State.FAILED}
    sites = {order.participant.site for order in orders}
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
    check_id = payload["check"]
    started = time.perf_counter()
    found, cost, answers = _concluded(audit, check_id)
    cost["platform"] = round(time.perf_counter() - started, 3)
    row = result_row(audit, check_id, found, answers) | {"seconds": cost}
    return lambda: _keep(audit.id, row)


def _keep(audit_id: uuid.UUID, row: Mapping[str, Any]) -> None:
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
    check = check_of(payload["payload"]["check"])
    nothing = Gathered(audit.version.config["task"], {}, audit.policy["seed"])
    row = result_row(audit, check.id, conclude(check, nothing, {"the platform": payload["error"]}), {})
    return lambda: _keep(audit.id, row)


def _concluded(audit: AuditRun, check_id: str) -> tuple[Result, dict[str, float], dict[str, str]]:
    """The result, what it cost at each site in seconds, and the digests of the answers it rests on."""
    check = check_of(check_id)
    settings, source = settings_in(audit.policy, check_id), check.measured_by or check_id
    asked = settings_in(audit.policy, source)
    orders = SiteOrder.objects.filter(subject=audit.id, kind=KIND, body__check=source, state__in=ENDED)
    read: dict[str, list[Any]] = {}
    absent: dict[str, str] = {}
    refused: dict[str, str] = {}
    counted: dict[str, int] = {}
    cost: dict[str, float] = {}
    answers: dict[str, str] = {}
    for order in orders.select_related("participant").order_by("participant__site", "body__shard"):
        site = order.participant.site
        answers[f"{site}/{source}/{order.body['shard']}"] = order.answer_digest
        if order.state == SiteOrder.State.FAILED:
            refused[site] = order.error
            continue
        cost[site] = round(cost.get(site, 0.0) + _seconds(order.answer), 3)
        try:
            value, reason = read_answer(check_of(source), site, order.answer, asked)
        except AnswerError as error:
            refused[site] = str(error)
            continue
        if reason:
            absent[site] = reason
        else:
            read.setdefault(site, []).append(value)
            if (count := check_of(source).counted(value)) is not None:
                counted[site] = counted.get(site, 0) + count
    brought = _patients(audit.version)
    for site, count in counted.items():
        if count == 0:  # an answer about nobody is no answer
            absent[site] = "it counted no patient"
            del read[site]
        if count > brought.get(site, 0):
            refused[site] = f"it counts {count} patients, and its manifest has {brought.get(site, 0)}"
    known = facts.collect(check.facts, audit)
    gathered = Gathered(
        audit.version.config["task"], settings, audit.policy["seed"],
        {site: tuple(values) for site, values in read.items()}, absent, known, audit.version.config,
        {site: part_sizes(n)[2] for site, n in brought.items()},
    )  # fmt: skip
    return conclude(check, gathered, refused), cost, answers


def _patients(version: Version) -> dict[str, int]:
    """How many patients each site's manifest has: what the site consented with, before anybody knew a verdict."""
    manifests = DataManifest.objects.filter(
        participant__federation=version.model.federation_id, digest__in=version.manifests.values()
    )
    brought = {row.digest: row.content["n_patients"] for row in manifests}
    return {site: brought[given] for site, given in version.manifests.items() if given in brought}


def _seconds(answer: Any) -> float:
    """What a site says that it took; anything that is no such time counts as none."""
    said = answer.get("seconds") if isinstance(answer, Mapping) else None
    return float(said) if isinstance(said, int | float) and 0 <= said <= LONGEST_SECONDS else 0.0


def finish_if_complete(audit: AuditRun) -> None:
    """End the audit when every check of its policy has a result; the caller holds its lock."""
    results = list(audit.checks.all())
    if {row.check_id for row in results} != set(audit.policy["checks"]):
        return
    verdict = overall(results)
    with governed(action="audit.finish", reason=f"audit of {audit.version}: {verdict.value}"):
        audit.state, audit.finished_at = AuditRun.State.FINISHED, timezone.now()
        audit.save(update_fields=["state", "finished_at"])
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
