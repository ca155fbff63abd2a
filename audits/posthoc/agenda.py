"""The agenda of a board's review: every open matter of the platform, gathered and never chosen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from audits.posthoc.models import BoardFinding
from audits.runtime.models import AmberDecision, Appeal, Halt, Incident
from federation.models import Reconsideration
from models_registry import fails
from models_registry.models import Version

Matter = dict[str, str]  # kind, title, detail, url, object


def matters(*, today: dt.date) -> list[Matter]:
    """What is open now, kind by kind; nobody's words and nobody's name are in it."""
    with translation.override(settings.LANGUAGE_CODE):  # it becomes part of the record, whoever convenes the review
        return [*_halts(), *_incidents(), *_appeals(today), *_amber(), *_failed(), *_reconsiderations(), *_findings()]


def _matter(kind: str, row: object, title: str, detail: str, url: str) -> Matter:
    return {"kind": kind, "object": str(row.pk), "title": title, "detail": detail, "url": url}  # type: ignore[attr-defined]


def _halts() -> Iterator[Matter]:
    for halt in Halt.objects.standing().select_related("deployment").order_by("created_at"):
        where = f" at {halt.site}" if halt.site else ""
        detail = f"Since {halt.created_at:%d %b %Y}"
        yield _matter(
            "Halt", halt, f"{halt.deployment}{where}", detail, reverse("deployment", args=[halt.deployment_id])
        )


def _incidents() -> Iterator[Matter]:
    for row in Incident.objects.not_closed().select_related("deployment").order_by("created_at"):
        yield _matter("Incident", row, str(row.deployment), row.get_state_display(), reverse("incident", args=[row.id]))


def _appeals(today: dt.date) -> Iterator[Matter]:
    for row in Appeal.objects.overdue(today).select_related("deployment"):
        detail = f"Was to be decided by {row.due_on:%d %b %Y}"
        yield _matter("Overdue appeal", row, str(row.deployment), detail, reverse("appeal", args=[row.id]))


def _amber() -> Iterator[Matter]:
    for row in AmberDecision.objects.open().select_related("deployment").order_by("due_at"):
        url = reverse("deployment_amber", args=[row.deployment_id])
        yield _matter("Amber decision", row, str(row.deployment), f"Due {row.due_at:%d %b %Y}", url)


def _failed() -> Iterator[Matter]:
    for version in Version.objects.filter(evidence__verdict="fail").distinct().select_related("model"):
        if standing := fails.standing_of(version):
            url = reverse("version", args=[version.id])
            yield _matter("Failed audit", version, str(version), fails.words_of(standing), url)


def _reconsiderations() -> Iterator[Matter]:
    for row in Reconsideration.objects.filter(decided_at__isnull=True).select_related("run"):
        detail = f"{row.get_cause_display()}; due {row.due_at:%d %b %Y}"
        yield _matter("Reconsideration", row, row.run.name, detail, reverse("run", args=[row.run_id]))


def _findings() -> Iterator[Matter]:
    for row in BoardFinding.objects.exclude(state="closed").select_related("review"):
        detail = f"{row.get_state_display()}; due {row.due_on:%d %b %Y}"
        yield _matter("Earlier finding", row, str(row), detail, reverse("board_review", args=[row.review_id]))
