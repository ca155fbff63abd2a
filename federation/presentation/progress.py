"""Where a run stands now: rounds, what each site is doing, who is silent, and how long it will take."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from federation import training
from federation.domain.run_config import MODEL_NAMES
from federation.models import Consent, Participant, Round, RunEvent, SiteOrder, TrainingRun
from federation.presentation.model_words import label_of

SILENT_AFTER = timedelta(seconds=30)
_DOING = {"train": gettext_noop("training"), "evaluate": gettext_noop("scoring")}


@dataclass(frozen=True)
class SiteProgress:
    """What one site is doing."""

    site: str
    institution: str
    doing: str  # in words
    model: str  # its heading, or empty
    step: int | None
    steps: int | None
    loss: float | None  # of the latest steps that the site told of
    last_seen_at: datetime | None  # any signed message of its worker
    silent_since: datetime | None  # an answer is awaited and there was no sign of life for SILENT_AFTER


@dataclass(frozen=True)
class RunProgress:
    """Rounds done and in hand, and the time that the rest will take if it goes on as measured."""

    rounds: int
    done: int
    number: int | None  # of the round in hand
    phase: str  # of the round in hand, in words
    mean_round_seconds: float | None  # over the finished rounds; None before the first
    eta_seconds: float | None  # None unless running and measured
    sites: tuple[SiteProgress, ...]


def run_progress(run: TrainingRun, rounds: list[Round]) -> RunProgress:
    """Progress of a run, whose rounds the caller has loaded in order."""
    now = timezone.now()
    done = [r for r in rounds if r.state == Round.State.DONE]
    current = next((r for r in rounds if r.state in {Round.State.TRAINING, Round.State.EVALUATING}), None)
    lengths = [(r.finished_at - r.created_at).total_seconds() for r in done if r.finished_at]
    mean = sum(lengths) / len(lengths) if lengths else None
    eta = None
    if mean is not None and run.state == TrainingRun.State.RUNNING:
        spent = min((now - current.created_at).total_seconds(), mean) if current else 0.0
        eta = max(mean * (run.rounds_planned - len(done)) - spent, 0.0)
    phases = {Round.State.TRAINING: _("sites are training"), Round.State.EVALUATING: _("sites are scoring the average")}
    return RunProgress(
        rounds=run.rounds_planned,
        done=len(done),
        number=current.number if current else None,
        phase=phases.get(Round.State(current.state), "") if current else "",
        mean_round_seconds=mean,
        eta_seconds=eta,
        sites=tuple(_sites(run, current, now)),
    )


def _sites(run: TrainingRun, current: Round | None, now: datetime) -> list[SiteProgress]:
    participants = training.participants_of(run)
    if current is None:
        return [_idle(p, "") for p in participants]
    orders: dict[uuid.UUID, SiteOrder] = {}
    asked = SiteOrder.objects.filter(subject=current.id, kind__in=_DOING).defer("body", "answer").order_by("created_at")
    for order in asked:
        orders[order.participant_id] = order  # the later question wins
    said = _latest_progress(run, current, participants)
    return [_site(run.config, p, orders.get(p.id), said.get(p.site), now) for p in participants]


def _latest_progress(run: TrainingRun, current: Round, participants: list[Participant]) -> dict[str, RunEvent]:
    """The last progress message of each site in this round, one backward index look-up a site."""
    own = RunEvent.objects.filter(run=run, kind="progress", at__gte=current.created_at)
    found = [own.filter(site=p.site).order_by("-id").first() for p in participants]
    return {event.site: event for event in found if event is not None}


def _site(
    config: Mapping[str, Any], participant: Participant, order: SiteOrder | None, said: RunEvent | None, now: datetime
) -> SiteProgress:
    if order is None:
        return _idle(participant, "")
    if order.state == SiteOrder.State.FAILED:
        return _idle(participant, "failed")
    if order.state != SiteOrder.State.PENDING:
        return _idle(participant, _("done, waiting for the other sites") if order.state == "answered" else "")
    heard = max(filter(None, (participant.last_seen_at, order.created_at)))
    silent = (participant.last_seen_at or order.created_at) if now - heard > SILENT_AFTER else None
    data = said.data if said is not None and said.data.get("doing") == order.kind else {}
    return SiteProgress(
        site=participant.site,
        institution=participant.institution.name,
        doing=_(_DOING[order.kind]) if data else _("asked to train") if order.kind == "train" else _("asked to score"),
        model=label_of(config, data["model"]) if data.get("model") in MODEL_NAMES else "",
        step=data.get("step"),
        steps=data.get("steps"),
        loss=data.get("loss"),
        last_seen_at=participant.last_seen_at,
        silent_since=silent,
    )


def _idle(participant: Participant, doing: str) -> SiteProgress:
    return SiteProgress(
        participant.site, participant.institution.name, doing, "", None, None, None, participant.last_seen_at, None
    )


def orders_in_silence(*, now: datetime) -> QuerySet[SiteOrder]:
    """Orders that were sent a while ago to a site that gives no sign of life."""
    before = now - SILENT_AFTER
    heard = Q(participant__last_seen_at__isnull=True) | Q(participant__last_seen_at__lt=before)
    return SiteOrder.objects.filter(heard, state=SiteOrder.State.PENDING, created_at__lt=before)


def run_fingerprint(run_id: uuid.UUID) -> str:
    """A short text that changes whenever the run's page would. One query, cheap enough for each half second."""
    mine = {"run": OuterRef("pk")}
    rounds = Round.objects.filter(**mine).order_by("-number")
    consents = Consent.objects.filter(**mine).order_by().values("run").annotate(n=Count("pk"))
    current = Round.objects.filter(run=run_id).order_by("-number").values("id")[:1]
    orders = SiteOrder.objects.filter(subject=Subquery(current)).order_by().values("subject")
    silent = orders_in_silence(now=timezone.now()).filter(subject=Subquery(current)).order_by().values("subject")
    row = (
        TrainingRun.objects.filter(id=run_id)
        .annotate(
            last_event=Subquery(RunEvent.objects.filter(**mine).order_by("-id").values("id")[:1]),
            last_round=Subquery(rounds.values("number")[:1]),
            round_state=Subquery(rounds.values("state")[:1]),
            answers=Subquery(consents.values("n")),
            orders=Subquery(orders.annotate(n=Count("pk")).values("n")),
            answered=Subquery(orders.annotate(last=Max("answered_at")).values("last")),
            silent=Coalesce(Subquery(silent.annotate(n=Count("pk")).values("n")), Value(0)),
        )
        .values_list("state", "last_event", "last_round", "round_state", "answers", "orders", "answered", "silent")
        .first()
    )
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]
