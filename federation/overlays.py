"""Asking a site for overlays, and reading what it sent: for the institution's own people alone."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import User
from core import artefacts
from core.capture import record
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.spoken import inside
from core.tones import look_of
from federation import consents, mailbox
from federation.domain.overlays import Overlay, unpack
from federation.models import Participant, Round, SiteOrder, TrainingRun
from provenance.bodies import READING

KIND = "overlays"


def own_sites(run: TrainingRun, user: User) -> list[Participant]:
    """The sites of the run that the person is of, first those where they may ask.

    Nobody sees another institution's pictures, whatever their role.
    """
    found = run.federation.participants.filter(
        institution__in=user.institution_ids, site__in=run.config["data_digests"]
    )
    return sorted(found.select_related("institution"), key=lambda one: not may_ask(one, user))


def own_site(run: TrainingRun, user: User, site: str = "") -> Participant | None:
    """The one with this code, or the first."""
    return next((one for one in own_sites(run, user) if site in {"", one.site}), None)


def may_ask(participant: Participant, user: User) -> bool:
    return user.may_at("consent.give", participant.institution_id)


def latest_order(run: TrainingRun, participant: Participant) -> SiteOrder | None:
    orders = SiteOrder.objects.filter(subject=run.id, kind=KIND, participant=participant)
    return orders.order_by("-created_at").first()


def overlays_ask(*, run: TrainingRun, actor: User, site: str = "") -> SiteOrder:
    """Ask a site that the person answers for; its worker answers only if its configuration lets pictures out."""
    own = own_site(run, actor, site)
    if own is None or not may_ask(own, actor):
        raise Forbidden(
            "A site's overlays are asked for by its own operator; you are none of a site with this code in this run."
        )
    if own.site in consents.left(run):
        raise Conflict(_("%(site)s has left this run: its patients are not used any more.") % {"site": own.site})
    if run.config["task"] != "segmentation":
        raise ApplicationError(
            _("Expected a run of a segmentation, got one of a %(task)s: it draws no masks.")
            % {"task": run.config["task"]}
        )
    last = run.rounds.filter(state=Round.State.DONE).last()
    if run.state != TrainingRun.State.FINISHED or last is None:
        raise Conflict(
            _("Overlays are drawn of a finished run; this one is %(state)s.")
            % {"state": inside(look_of(run.state).label)}
        )
    with governed(action="overlays.ask", actor=actor.id):
        before = TrainingRun.objects.select_for_update().get(id=run.id) and latest_order(run, own)
        if before is not None and before.state in {SiteOrder.State.PENDING, SiteOrder.State.ANSWERED}:
            raise Conflict(
                _("The site is asked already.") if before.state == "pending" else _("The overlays are here already.")
            )
        number = SiteOrder.objects.filter(subject=run.id, kind=KIND, participant=own).count() + 1
        record(table=READING, operation="READ", object_id=str(run.id), body={"overlays": own.site})
        return mailbox.order_create(
            participant=own, kind=KIND, key=f"{run.id}:{KIND}:{number}", subject=run.id,
            body={"run": str(run.id), "config": run.config, "config_hash": run.config_hash}, attachments=last.weights,
        )  # fmt: skip


def overlays_read(order: SiteOrder) -> list[Overlay]:
    """What an answered order brought.

    Raises
    ------
    ApplicationError
        If the answer is no set of overlays.
    """
    try:
        return unpack(artefacts.get(order.answer_attachments[KIND]))
    except (ValueError, KeyError, artefacts.ArtefactError) as error:
        raise ApplicationError(
            _("The site's answer cannot be drawn: %(error)s. Have its worker updated.") % {"error": error}
        ) from error
