"""How far a running audit has come: by site, and by check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Q

from audits.predeployment import deadlines
from audits.predeployment.checks.not_installed import check_or_stand_in
from audits.predeployment.concluding import KIND
from audits.predeployment.models import AuditRun
from audits.predeployment.policy import plan
from audits.predeployment.running import orders_of
from federation.models import RunEvent, SiteOrder

State = SiteOrder.State


def list_rows(audits: Sequence[AuditRun]) -> list[dict[str, Any]]:
    """Audits with the share of their checks that are concluded."""
    running = [audit.id for audit in audits if audit.state == AuditRun.State.RUNNING]
    done = dict(AuditRun.objects.filter(id__in=running).annotate(done=Count("checks")).values_list("id", "done"))
    return [
        {"audit": audit, "done": done.get(audit.id), "checks": len(audit.policy.get("checks", {}))} for audit in audits
    ]


def progress_of(audit: AuditRun) -> dict[str, Any]:
    """The context of the progress panel: what every site has answered and does now, and which checks are concluded."""
    orders = orders_of(audit)
    if audit.state == AuditRun.State.RUNNING:
        steps = plan(audit.policy)
    else:
        steps = sorted({(order.body["check"], order.body["shard"]) for order in orders})
    sites = _sites(audit, orders, len(steps))
    concluded = {row["check_id"]: row for row in audit.checks.values("check_id", "title", "verdict", "decides")}
    checks = [_check(name, concluded.get(name), orders) for name in audit.policy.get("checks", {})]
    ended = sum(len(steps) if site["silent"] else site["done"] for site in sites)
    return {
        "audit": audit, "sites": sites, "checks_progress": checks, "done": ended + len(concluded),
        "whole": len(steps) * len(sites) + len(checks),
    }  # fmt: skip


def _sites(audit: AuditRun, orders: Sequence[SiteOrder], steps: int) -> list[dict[str, Any]]:
    by_site: dict[str, list[SiteOrder]] = {}
    silent = deadlines.silent_sites(audit)
    for order in orders:
        by_site.setdefault(order.participant.site, []).append(order)
    rows = []
    for site, own in by_site.items():
        failed = [(_title(order.body["check"]), order.error) for order in own if order.state == State.FAILED]
        pending = next((order for order in own if order.state == State.PENDING), None)
        rows.append(
            {
                "name": own[0].participant.institution.name, "steps": steps, "failed": failed,
                "done": sum(order.state in (State.ANSWERED, State.FAILED) for order in own),
                "doing": _title(pending.body["check"]) if pending else "", "pending": pending,
                "due": deadlines.answer_by(pending) if pending else None, "silent": site in silent,
                "told": _told(audit, site) if pending else None,
            }
        )  # fmt: skip
    return rows


def _told(audit: AuditRun, site: str) -> dict[str, Any] | None:
    """The last that this site's worker said of its own accord."""
    said = RunEvent.objects.filter(
        Q(data__doing=KIND), run_id=audit.version.run_id, kind="progress", site=site, at__gte=audit.created_at
    )
    newest = said.order_by("-at").first()
    return newest.data if newest else None


def _check(name: str, concluded: Mapping[str, Any] | None, orders: Sequence[SiteOrder]) -> dict[str, Any]:
    if concluded:
        return {"title": concluded["title"], "state": concluded["verdict"]}
    source = check_or_stand_in(name).measured_by or name
    asked = any(order.body["check"] == source for order in orders)
    return {"title": _title(name), "state": "in_progress" if asked else "pending"}


def _title(name: str) -> str:
    return check_or_stand_in(name).title
