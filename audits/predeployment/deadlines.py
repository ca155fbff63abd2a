"""How long a site may take to answer one order of an audit, and what is kept when it does not.

The limits are copied into the audit's policy when it starts, and each order has a job that is due at its limit. So an
audit ends whatever a site does, and whichever process dies. An order whose time is up is closed: a late answer finds
nobody who waits for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from audits.predeployment.checks.not_installed import check_or_stand_in
from audits.predeployment.cost import words_of
from audits.predeployment.models import AuditRun
from core import jobs
from federation.models import Participant, SiteOrder

_ATTEMPTS = 100  # of a job that does almost nothing: it must outlive whatever else is broken


def limits() -> dict[str, float]:
    """Seconds that a site has for one order, by the runtime class of what it measures."""
    return {name: float(seconds) for name, seconds in settings.AUDIT_ANSWER_SECONDS.items()}


def limit_of(audit: AuditRun, check_id: str) -> timedelta:
    """The limit that was fixed when the audit began; today's, for an audit that began before there were any."""
    fixed = audit.policy.get("answer_within") or limits()
    return timedelta(seconds=fixed[check_or_stand_in(check_id).runtime])


def watch(order: SiteOrder, limit: timedelta) -> None:
    """Have the order looked at when its time is up, in the transaction that makes it."""
    jobs.enqueue(
        "audit.deadline", {"order": str(order.id), "limit_seconds": limit.total_seconds()},
        key=f"audit.deadline:{order.id}", delay_seconds=limit.total_seconds(), max_attempts=_ATTEMPTS,
    )  # fmt: skip


def answer_by(order: SiteOrder) -> datetime | None:
    """Until when the site may answer; None for an order from before there were limits."""
    told = order.body.get("answer_by")
    return datetime.fromisoformat(told) if told else None


def close(order: SiteOrder, limit_seconds: float) -> None:
    """Record that nobody answered. A site that gave no sign of life at all since is not asked anything else."""
    participant = Participant.objects.get(id=order.participant_id)
    seen = participant.last_seen_at
    silent = seen is None or seen < order.created_at
    last = f"last heard from {_moment(seen)}" if seen else "never heard from"
    reason = f"it did not answer within {words_of(limit_seconds)} (asked {_moment(order.created_at)}, {last})"
    SiteOrder.objects.filter(id=order.id, state=SiteOrder.State.PENDING).update(
        state=SiteOrder.State.FAILED, error=reason, answer={"silent": silent}
    )


def silent_sites(audit: AuditRun) -> dict[str, str]:
    """Sites that the audit has given up on, with the reason."""
    unanswered: Any = SiteOrder.objects.filter(
        subject=audit.id, state=SiteOrder.State.FAILED, answered_at__isnull=True, answer__silent=True
    )
    return dict(unanswered.values_list("participant__site", "error"))


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
