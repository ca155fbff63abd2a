"""Needs of training: consents, silent sites, runs to start or resume, what withdrawn data leave behind, dead jobs."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core.models import Job
from core.tones import ToneName
from federation.models import Reconsideration, TrainingRun
from federation.presentation.consents import own_of_each
from federation.presentation.progress import orders_in_silence
from qflethics.home.needs.base import RECENT, Need, link


def consents(user: User) -> Iterator[Need]:
    """Runs that wait for the signature of the person's own institution in a role that the person holds there."""
    own = TrainingRun.objects.filter(
        state=TrainingRun.State.PROPOSED, federation__participants__institution__in=user.institution_ids
    )
    runs = list(own.select_related("federation").distinct())
    owns = own_of_each(runs, user)
    for run in runs:
        mine = owns.get(run.id)
        if mine is None or not mine.capacities:
            continue
        told = {
            "federation": run.federation.name, "rounds": run.rounds_planned,
            "role": _(" or ").join(label.lower() for _key, label in mine.capacities),
            "institution": mine.participant.institution,
        }  # fmt: skip
        yield Need(
            title=_("Your signature is asked: %(run)s") % {"run": run.name},
            detail=ngettext(
                "%(federation)s: %(rounds)s round. You sign as %(role)s of %(institution)s; the run waits until every "
                "institution has signed.",
                "%(federation)s: %(rounds)s rounds. You sign as %(role)s of %(institution)s; the run waits until every "
                "institution has signed.",
                run.rounds_planned,
            )
            % told,
            url=link("run_terms", run.id),
            tone="warn",
            since=run.created_at,
        )


def reconsiderations(user: User) -> Iterator[Need]:
    """What a run learned from data that are lent no more; who withdrew does not decide."""
    waiting = Reconsideration.objects.open().for_user(user).exclude(opened_by=user)
    for matter in waiting.select_related("run", "participant__institution"):
        title = _("Retrain or retire, your decision is asked: %(run)s")
        if matter.overdue:
            title = _("Retrain or retire, overdue: %(run)s")
        by = _("To be decided by %(day)s.") % {"day": f"{matter.due_at:%-d %b %Y}"}
        yield Need(
            title=title % {"run": matter.run.name},
            detail=f"{matter.get_cause_display()} ({matter.participant.institution}). {by}",
            url=link("run", matter.run_id),
            tone="fail" if matter.overdue else "warn",
            since=matter.created_at,
        )


def silent_sites(user: User) -> Iterator[Need]:
    orders = orders_in_silence(now=timezone.now()).select_related("participant__institution").defer("body")
    if not user.sees_all:
        orders = orders.filter(participant__institution__in=user.institution_ids)
    for order in orders.order_by("participant_id", "created_at").distinct("participant_id"):
        site = order.participant
        told = {"kind": order.kind, "site": site.site}
        yield Need(
            title=_("%(institution)s: the site's worker is silent") % {"institution": site.institution.name},
            detail=_("An answer (%(kind)s) is awaited from %(site)s. Its operator looks whether the worker runs.")
            % told,
            url=link("federation", site.federation_id),
            tone="fail",
            since=site.last_seen_at or order.created_at,
        )


def runs(user: User) -> Iterator[Need]:
    """Runs to start or to resume, and the last one of a federation if it failed."""
    state = TrainingRun.State
    newest = TrainingRun.objects.filter(federation=OuterRef("federation")).order_by("-created_at").values("id")[:1]
    found = (
        TrainingRun.objects.for_user(user)
        .annotate(newest=Subquery(newest))
        .filter(Q(state__in=[state.APPROVED, state.PAUSED]) | Q(state=state.FAILED, id=Subquery(newest)))
        .select_related("federation")
    )
    for run in found:
        title, detail, tone = _of_run(run)
        yield Need(
            title % {"run": run.name}, f"{run.federation.name}: {detail}", link("run", run.id), tone,
            run.finished_at or run.created_at,
        )  # fmt: skip


def _of_run(run: TrainingRun) -> tuple[str, str, ToneName]:
    state = TrainingRun.State
    if run.state == state.APPROVED:
        return _("%(run)s is ready to start"), _("Every site has consented."), "warn"
    if run.state == state.PAUSED:
        return _("%(run)s is paused"), _("Nothing is asked of the sites until it is resumed."), "warn"
    return _("%(run)s has failed"), run.stop_reason, "fail"


def dead_jobs() -> Iterator[Need]:
    for job in Job.objects.filter(state=Job.State.DEAD, finished_at__gte=timezone.now() - RECENT)[:5]:
        title = _("A background job gave up: %(kind)s") % {"kind": job.kind}
        yield Need(title, job.last_error, "", "fail", job.finished_at or job.created_at)
