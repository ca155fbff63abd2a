"""What the sites' workers say they run, kept as they last said it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from core.context import governed
from federation.models import Participant, SiteSoftware

MAX_KINDS = 100


def note(participant: Participant, said: Any) -> None:
    """Record it if it is new. A worker that says nothing, or something else than words, is passed over."""
    if not isinstance(said, dict):
        return
    version, engine, kinds = said.get("version"), said.get("engine"), said.get("handlers")
    if not (isinstance(version, str) and isinstance(engine, str) and isinstance(kinds, list)):
        return
    now = {"version": version[:40], "engine": engine[:40], "handlers": sorted({str(k)[:40] for k in kinds[:MAX_KINDS]})}
    held = SiteSoftware.objects.filter(participant=participant).first()
    if held is not None and all(getattr(held, name) == value for name, value in now.items()):
        return
    with governed(action="site.software", reason=f"signed by {participant.site}"):
        SiteSoftware.objects.update_or_create(participant=participant, defaults={**now, "reported_at": timezone.now()})
