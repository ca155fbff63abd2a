"""What the page of certificates shows, and what a run's page shows of the engine that carries it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Paginator
from django.utils import timezone

from accounts.models import User
from federation import training
from federation.domain.run_config import LOCAL, carrier
from federation.engines import flare_house
from federation.engines import state as engines
from federation.models import Federation, SiteInvitation, SitePass, TrainingRun
from federation.models_sites import FlareRequest

PER_PAGE = 20
STANDS = {
    "working": ("healthy", "Working"),
    "starting": ("stale", "Starting"),
    "away": ("stale", "Not connected"),
}
UNSEEN = ("unknown", "Never connected")


def page_of(federation: Federation, user: User, number: str | None) -> dict[str, Any]:
    found = SitePass.objects.filter(participant__federation=federation).select_related(
        "participant__institution", "handed_to", "revoked_by"
    )
    page = Paginator(found, PER_PAGE).get_page(number)
    seen = _stands()
    return {
        "page": page,
        "rows": [_row(row, seen) for row in page],
        "may_revoke": user.may("federation.manage"),
        "offered": _offered(federation, user),
        "waiting": _waiting(federation),
        "engine": engines.state_of("flare"),
        "why_no_flare": engines.why_not("flare"),
    }


def _offered(federation: Federation, user: User) -> list[SiteInvitation]:
    """Invitations that this person, as the operator of the institution, may download."""
    if not user.may("site.kit"):
        return []
    waiting = federation.invitations.filter(state=SiteInvitation.State.OPEN, token_digest="")
    mine = waiting.filter(institution__in=user.institution_ids, expires_at__gt=timezone.now())
    return list(mine.select_related("institution"))


def _waiting(federation: Federation) -> list[FlareRequest]:
    """What sites have asked of FLARE that it has not certified yet."""
    known = federation.participants.filter(is_active=True).select_related("institution")
    found = []
    for one in known.prefetch_related("passes", "flare_requests"):
        asked = flare_house.request_of(one)
        made = [row.created_at for row in one.passes.all() if row.kind == SitePass.Kind.FLARE]
        if asked is not None and not any(at >= asked.created_at for at in made):
            found.append(asked)
    return found


def _row(row: SitePass, seen: dict[str, dict]) -> dict[str, Any]:
    if row.revoked_at is not None:
        state, label = "withdrawn", "Revoked"
    elif row.has_ended:
        state, label = "expired", "Ended"
    else:
        state, label = "granted", "Good"
    flare = row.kind == SitePass.Kind.FLARE and not row.has_ended
    return {
        "pass": row, "state": state, "label": label, "can_revoke": row.revoked_at is None,
        "stand": _stand(seen.get(row.participant.channel)) if flare else None,
    }  # fmt: skip


def _stands() -> dict[str, dict]:
    found = engines.state_of("flare")
    return found.sites if found is not None and engines.is_fresh(found) else {}


def _stand(seen: dict | None) -> tuple[str, str]:
    if seen is None or (seen["state"] == "away" and not seen["heard"]):
        return UNSEEN
    return STANDS.get(seen["state"], UNSEEN)


def engine_page(run: TrainingRun) -> dict[str, Any] | None:
    """How the engine stands that carries an open run, and each site's client; None for the sites' own workers."""
    if (name := carrier(run.config)) == LOCAL or not run.is_open:
        return None
    seen = _stands()
    clients = []
    for participant in training.participants_of(run):
        stand = seen.get(participant.channel)
        heard = datetime.fromtimestamp(stand["heard"], UTC) if stand and stand["heard"] else None
        clients.append({"participant": participant, "stand": _stand(stand), "heard": heard})
    return {"state": engines.state_of(name), "why_not": engines.why_not(name), "clients": clients}
