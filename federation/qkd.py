"""QKD links of a federation: asked of the sites, recorded as they answer; and the rehearsal of an eavesdropper."""

from __future__ import annotations

import logging
import uuid

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation import mailbox
from federation.domain.quantum.qkd.report import LinkReport
from federation.models import Federation, QkdCheck, QkdRehearsal, SiteOrder
from federation.own import require_part

logger = logging.getLogger(__name__)
STRENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)  # share of photons intercepted


def links_check(*, federation: Federation, actor: User) -> int:
    """Ask every active site how its links to the others are. Returns how many were asked."""
    require_part(federation, actor, "federation.manage")
    sites = list(federation.participants.filter(is_active=True))
    if len(sites) < 2:
        raise Conflict(_("A link needs two sites; this federation has %(n)s.") % {"n": len(sites)})
    asking = uuid.uuid4()
    with governed(action="qkd.check", actor=actor.id):
        for participant in sites:
            mailbox.order_create(
                participant=participant, kind="qkd_status", key=f"qkd:{asking}", subject=participant.id,
                body={"peers": [other.site for other in sites if other.id != participant.id]}, attachments={},
            )  # fmt: skip
    return len(sites)


def status_answered(payload: dict) -> jobs.Effects | None:
    """A site said how its links are. What makes no sense is logged and left out; the site is a stranger."""
    order = SiteOrder.objects.select_related("participant__federation").get(id=payload["order"])
    if order.state != SiteOrder.State.ANSWERED or not isinstance(order.answer, dict):
        return None
    asker = order.participant
    peers = {peer.site: peer for peer in asker.federation.participants.exclude(id=asker.id)}
    links = order.answer.get("links")
    reports: dict[str, LinkReport] = {}
    for raw in links if isinstance(links, list) else ():
        try:
            report = LinkReport.from_dict(raw if isinstance(raw, dict) else {})
        except ValueError as error:
            logger.warning("%s: %s", asker.site, error)
            continue
        if report.peer in peers:
            reports[report.peer] = report

    def effects() -> None:
        with governed(action="qkd.report", reason=f"signed by {asker.site}"):
            for site, report in sorted(reports.items()):
                QkdCheck.objects.create(
                    participant=asker, message_digest=order.answer_digest,
                    **{**report.as_dict(), "peer": peers[site]},
                )  # fmt: skip

    return effects


def rehearsal_start(*, federation: Federation, loss: float, error: float, actor: User) -> QkdRehearsal:
    """Run the simulated link under a growing eavesdropper. One at a time for a federation."""
    require_part(federation, actor, "federation.manage")
    for name, value, most in ((_("loss"), loss, 0.99), (_("error"), error, 0.2)):
        if not 0 <= value <= most:
            raise ApplicationError(
                _("Expected the %(name)s from 0 to %(most)s, got %(value)s.")
                % {"name": name, "most": f"{most:g}", "value": value}
            )
    with governed(action="qkd.rehearse", actor=actor.id):
        Federation.objects.select_for_update().get(id=federation.id)
        if federation.qkd_rehearsals.filter(finished_at__isnull=True).exists():
            raise Conflict("A rehearsal is under way; its result will be here in seconds.")
        rehearsal = QkdRehearsal.objects.create(federation=federation, loss=loss, error=error, requested_by=actor)
        jobs.enqueue("qkd.rehearse", {"rehearsal": str(rehearsal.id)}, key=f"qkd.rehearse:{rehearsal.id}")
    return rehearsal


@jobs.handles("qkd.rehearse")
def rehearse(payload: dict) -> jobs.Effects:
    from federation.domain.quantum.qkd import bb84, entity  # scipy: only the worker that computes loads it

    held = QkdRehearsal.objects.get(id=payload["rehearsal"])
    steps = []
    for strength in STRENGTHS:
        channel = bb84.Channel(loss=held.loss, error=held.error, intercept=strength)
        steps.append({"intercept": strength, **entity.figures(bb84.run(channel, rng=entity.fresh_rng()))})

    def effects() -> None:
        with governed(action="qkd.rehearse.finish"):
            held.steps, held.finished_at = steps, timezone.now()
            held.save(update_fields=["steps", "finished_at"])

    return effects
