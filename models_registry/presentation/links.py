"""Links to pages of higher floors, by URL name; empty where the page is not there."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse

from accounts.models import User
from models_registry.binding import AUDIT, BOARD, OUTSIDE, PERMISSION
from models_registry.models import Evidence, Version

THRESHOLDS = "threshold_proposal"  # thresholds by group that people recorded from an audit's proposal


def link(name: str, *arguments: object) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def evidence_link(evidence: Evidence) -> str:
    """The page of what found it."""
    if evidence.kind == BOARD:
        return link("board_review", evidence.summary.get("review"))
    if evidence.kind.startswith(OUTSIDE):
        return link("external_audit", evidence.summary.get("external"))
    if evidence.kind == THRESHOLDS:
        return link("audit", evidence.summary.get("audit"))
    if evidence.kind == PERMISSION:
        return link("run", evidence.summary.get("run"))
    return link("audit", evidence.source_id) if evidence.kind == AUDIT else ""


def outside(version: Version, user: User) -> list[dict[str, Any]]:
    """What outside boards found, newest first, for those who approve."""
    opens = user.may("external.view")
    return [
        {"row": row, "url": evidence_link(row) if opens else "", **row.summary}
        for row in version.evidence.filter(kind__startswith=OUTSIDE)
    ]
