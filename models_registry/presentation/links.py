"""Links to pages of higher floors, by URL name; empty where the page is not there."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse

from models_registry.binding import AUDIT
from models_registry.models import Evidence


def link(name: str, *arguments: object) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def evidence_link(evidence: Evidence) -> str:
    """The page of what found it."""
    return link("audit", evidence.source_id) if evidence.kind == AUDIT else ""
