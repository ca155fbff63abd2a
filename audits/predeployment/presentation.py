"""What the audit pages show: words for verdicts, progress of the sites, and each check with its charts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q
from django.urls import NoReverseMatch, reverse

from audits.domain.verdict import Verdict
from audits.predeployment import figures, services
from audits.predeployment.models import AuditRun, CheckResult
from federation.models import SiteOrder
from provenance.reading import latest_entry

ALLOWS = {
    Verdict.PASS: "Clinical use may be requested. It still needs two ethics officers of two institutions and an "
    "administrator.",
    Verdict.FAIL: "No use may be requested, neither clinical nor shadow. Train a new version that meets the limits.",
    Verdict.INCONCLUSIVE: "Clinical use is blocked. A shadow deployment, limited by the board, may be requested.",
    Verdict.NOT_ASSESSABLE: "Clinical use is blocked. A shadow deployment, limited by the board, may be requested.",
}
# Checks whose verdict is not a pass or a fail to their reader. Unknown states are shown plainly, in their own words.
_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "quantum_mmd": {"pass": ("not_flagged", "Not flagged"), "fail": ("warning", "Flagged for review")},
    "aif360": {"not_assessable": ("reported", "Reported")},
}
_ORDER = ("bias_score", "bias_score_baseline", "epsilon", "quantum_mmd", "lime", "aif360", "representation")


@dataclass(frozen=True)
class CheckView:
    """A check as a page shows it: `state` and `label` for the badge, `parts` for its own template."""

    row: CheckResult
    state: str
    label: str
    template: str
    parts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    answered: int
    asked: int


def list_rows(audits: Sequence[AuditRun]) -> list[dict[str, Any]]:
    running = [audit.id for audit in audits if audit.state == AuditRun.State.RUNNING]
    counts = {
        row["subject"]: Progress(row["answered"], row["asked"])
        for row in SiteOrder.objects.filter(subject__in=running, kind=services.KIND)
        .values("subject")
        .annotate(asked=Count("id"), answered=Count("id", filter=Q(state=SiteOrder.State.ANSWERED)))
    }
    return [{"audit": audit, "progress": counts.get(audit.id)} for audit in audits]


def progress_of(audit: AuditRun) -> dict[str, Any]:
    orders = services.orders_of(audit)
    answered = sum(order.state == SiteOrder.State.ANSWERED for order in orders)
    return {"audit": audit, "orders": orders, "answered": answered, "asked": len(orders)}


def page_of(audit: AuditRun) -> dict[str, Any]:
    """The context of an audit's page."""
    context: dict[str, Any] = {**progress_of(audit), "facts": _facts(audit), "policy": policy_rows(audit.policy)}
    context["limits"] = _limits(audit.policy)
    if audit.state != AuditRun.State.FINISHED:
        return context
    checks = {row.check_id: row for row in audit.checks.all()}
    views = [check_view(checks[name], audit) for name in _ORDER if name in checks]
    verdict = Verdict(audit.verdict)
    newer = AuditRun.objects.filter(
        version=audit.version_id, state=AuditRun.State.FINISHED, created_at__gt=audit.created_at
    )
    return context | {
        "checks": views,
        "deciding": [view for view in views if view.row.gating],
        "allows": ALLOWS[verdict],
        "explanation": verdict.explanation,
        "newer": newer.order_by("-created_at").first(),
        "twin": checks.get("bias_score_baseline"),
        "intact": services.digest_now(audit) == audit.digest,
        "ledger": ledger_link(audit),
    }


def check_view(row: CheckResult, audit: AuditRun) -> CheckView:
    state, label = _WORDS.get(row.check_id, {}).get(row.verdict, (row.verdict, ""))
    parts = figures.PARTS.get(row.check_id, lambda *_: {})(row.evidence, audit.policy)
    return CheckView(row, state, label, f"audits_predeployment/checks/{row.check_id}.html", parts)


def _facts(audit: AuditRun) -> list[tuple[str, Any]]:
    config = audit.version.config
    return [
        ("Task", config["task"].capitalize()),
        ("Quantum model", config["models"]["primary"]["kind"]),
        ("Classical twin", config["models"]["baseline"]["kind"]),
        ("Asked for by", audit.requested_by.name if audit.requested_by else "the platform, when the version was made"),
        ("Frozen configuration", audit.version.config_hash),
    ]


def _limits(policy: dict[str, Any]) -> list[tuple[str, Any]]:
    bias = policy["bias"]
    return [
        ("Checks that decide", ", ".join(name.replace("_", " ") for name in policy["gating"])),
        ("Largest gap tolerated", bias["threshold"]),
        ("Confidence", f"{bias['confidence']:.1%}"),
        ("Patients needed in a group", bias["min_count"]),
        ("Patients needed at a site", bias["min_patients_site"]),
        ("Explanation score required", policy["lime"]["required"]),
        ("Epsilon consented to", policy["privacy"]["budget"]),
        ("Seed", policy["seed"]),
        ("Policy version", policy["version"]),
    ]


def policy_rows(policy: dict[str, Any]) -> list[tuple[str, Any]]:
    """The policy as a flat list of dotted names, all of it."""
    rows = [(name, "exact" if (name, value) == ("mmd.shots", None) else value) for name, value in _flat(policy)]
    return sorted(rows, key=lambda row: row[0])


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            rows += _flat(item, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", ", ".join(map(str, item)) if isinstance(item, list) else item))
    return rows


def ledger_link(audit: AuditRun) -> tuple[int, str] | None:
    """The newest ledger entry about the audit: its number and page, if it is sequenced and the page exists."""
    entry = latest_entry(audit.id)
    if entry is None:
        return None
    try:
        return entry.seq, reverse("ledger_entry", args=[entry.seq])
    except NoReverseMatch:
        return entry.seq, ""
