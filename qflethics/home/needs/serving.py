"""Needs of models in use: halts, regulators' clocks, warnings of the monitor, appeals."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audits.runtime.appeals import waiting_for
from audits.runtime.incident_state import clocks_of, with_details
from audits.runtime.models import AmberDecision, Halt, Incident
from audits.runtime.voting import WITH_VOTERS, awaits
from models_registry.models import Deployment
from qflethics.home.needs.base import Need, link


def halts(user: User) -> Iterator[Need]:
    """Open halts: officers who have not voted are asked to; everyone else must know that nothing is served."""
    standing = Halt.objects.standing().for_user(user).select_related("deployment__version__model__federation")
    for halt in standing.prefetch_related(*WITH_VOTERS):
        votes = halt.votes
        asked = user.may("deployment.reinstate") and awaits(halt, user)
        name, site = halt.deployment.name, halt.site
        title = _("%(name)s is halted at %(site)s") if site else _("%(name)s is halted")
        cause = _("Halted by %(author)s") % {"author": halt.author}
        if halt.source == "officer":
            cause = _("An officer halted it")
        nothing = _("Nothing is served at %(site)s.") % {"site": site} if site else _("Nothing is served.")
        state = _("%(votes)s of 2 officers have voted to reinstate it.") % {"votes": len(votes)}
        yield Need(
            title=title % {"name": name, "site": site} + (_(": your vote is asked") if asked else ""),
            detail=f"{cause}: {halt.reason} {nothing} {state}",
            url=link("deployment", halt.deployment_id),
            tone="halt" if asked or not user.may("deployment.reinstate") else "warn",
            since=halt.created_at,
        )


def clocks(user: User) -> Iterator[Need]:
    """Clocks that run, for officers of the federation; and to everybody, their own tasks of incidents."""
    open_incidents = with_details(Incident.objects.not_closed().for_user(user))
    for incident in open_incidents:
        running = [view for view in clocks_of(incident) if view.running] if user.may("incident.manage") else []
        if running:
            first, late = running[0], [view for view in running if view.overdue]
            title = _("%(name)s: an incident clock is overdue") if late else _("%(name)s: an incident clock is due")
            until = _("%(article)s, %(title)s: until %(day)s UTC.") % {
                "article": first.clock.article, "title": first.clock.title, "day": f"{first.due:%-d %b %Y, %H:%M}",
            }  # fmt: skip
            how_many = ngettext(
                "%(n)s runs; say which apply, and report.", "%(n)s run; say which apply, and report.", len(running)
            ) % {"n": len(running)}
            yield Need(
                title=title % {"name": incident.deployment.name}, detail=f"{until} {how_many}",
                url=link("incident", incident.id), tone="fail" if late else "warn", since=incident.created_at,
            )  # fmt: skip
        for task in incident.tasks.all():
            if task.owner_id == user.pk and task.done_at is None:
                yield Need(
                    title=_("A task of yours: %(task)s") % {"task": task.title},
                    detail=_("Until %(day)s.") % {"day": f"{task.due_on:%-d %b %Y}"},
                    url=link("incident", incident.id), tone="fail" if task.overdue else "warn", since=task.created_at,
                )  # fmt: skip


def amber(user: User) -> Iterator[Need]:
    """Warnings that wait for an officer's decision; overdue ones are told to everyone who sees audits."""
    asked = AmberDecision.objects.open().for_user(user).filter(deployment__state=Deployment.State.ACTIVE)
    decides = user.may("deployment.halt")
    for row in asked.select_related("deployment"):
        title = _("%(name)s: the monitor is amber, an officer's decision is asked")
        if row.overdue:
            title = _("%(name)s: the monitor is amber, a decision is overdue")
        elif decides:
            title = _("%(name)s: the monitor is amber, your decision is asked")
        due = _("Due by %(day)s.") % {"day": f"{row.due_at:%-d %b %Y}"}
        yield Need(
            title=title % {"name": row.deployment.name},
            detail=f"{due} {next(iter(row.warnings.values()))}",
            url=link("deployment", row.deployment_id),
            tone="fail" if row.overdue else "warn",
            since=row.created_at,
        )


def appeals(user: User) -> Iterator[Need]:
    for appeal in waiting_for(user):
        told = {"name": appeal.deployment.name, "day": f"{appeal.due_on:%-d %b %Y}"}
        yield Need(
            title=_("An appeal is overdue") if appeal.overdue else _("An appeal waits for a decision"),
            detail=_("Against %(name)s, to be decided by %(day)s.") % told,
            url=link("appeal", appeal.id), tone="fail" if appeal.overdue else "warn", since=appeal.created_at,
        )  # fmt: skip
