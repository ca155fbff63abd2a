"""Tags of the ledger for the pages of every app: {% load ledger %}."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.template.context import Context

from provenance import objects, reading
from provenance.models import Entry

register = template.Library()


@dataclass(frozen=True)
class EvidenceLinks:
    """Where a decision stands in the log; `entry` is None while it is on its way there."""

    entry: Entry | None
    signed: bool


@register.simple_tag(takes_context=True)
def evidence_of(context: Context, object_id: Any) -> EvidenceLinks | None:
    """The newest change of an object, for the links to its evidence; None for who may not open the ledger."""
    user = context.get("user")
    if not object_id or user is None or not user.is_authenticated or not user.may("ledger.view"):
        return None
    entry = reading.latest_entry(object_id)
    return EvidenceLinks(entry, entry is not None and objects.is_signed(entry))
