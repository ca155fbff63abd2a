"""Bytes and seconds of each round and site, and who was missing. What was not measured is absent, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from core import artefacts
from core.charts import Chart, line_chart
from federation import training
from federation.models import Federation, Participant, Round, SiteOrder, TrainingRun

ROUNDS_SHOWN = 20


@dataclass(frozen=True)
class Visit:
    """One site in one round."""

    participant: Participant
    number: int
    sent: int | None  # bytes of weights to the site
    received: int | None  # bytes of weights from the site
    train_seconds: float | None
    score_seconds: float | None
    state: str  # of the badge
    words: str

    @property
    def missing(self) -> bool:
        return self.state in {"failed", "excluded"}


@dataclass(frozen=True)
class Traffic:
    run: TrainingRun
    page: Page
    visits: tuple[Visit, ...]
    bytes_chart: Chart
    seconds_chart: Chart
    missing: tuple[tuple[Participant, int, int], ...]  # site, rounds missed, rounds looked at


def runs_with_rounds(federation: Federation) -> list[TrainingRun]:
    return list(federation.runs.filter(rounds__isnull=False).distinct()[:50])


def traffic_of(run: TrainingRun, number: str | None) -> Traffic:
    """The rounds of one page, the newest first."""
    page = Paginator(run.rounds.order_by("-number"), ROUNDS_SHOWN).get_page(number)
    rounds, sites = list(page), training.participants_of(run)
    orders = _orders(rounds)
    visits = tuple(_visit(site, round_, orders) for round_ in rounds for site in sites)
    over = [round_.number for round_ in rounds if round_.state == Round.State.DONE]
    missing = tuple(
        (site, sum(v.missing for v in visits if v.participant == site and v.number in over), len(over))
        for site in sites
    )
    return Traffic(
        run=run,
        page=page,
        visits=visits,
        bytes_chart=_chart(visits, "received", title=_("Bytes of weights received by round and site"), y_label="KiB"),
        seconds_chart=_chart(visits, "train_seconds", title=_("Seconds of training by round and site"), y_label="s"),
        missing=missing,
    )


def _orders(rounds: Iterable[Round]) -> dict[tuple, dict[str, Any]]:
    """By round, participant and kind; the later question wins. Of the answers only the seconds are read."""
    wanted = ("subject", "participant_id", "kind", "state", "attachments", "answer_attachments", "answer__seconds")
    rows = SiteOrder.objects.filter(subject__in=[round_.id for round_ in rounds], kind__in=["train", "evaluate"])
    return {(r["subject"], r["participant_id"], r["kind"]): r for r in rows.order_by("created_at").values(*wanted)}


def _visit(site: Participant, round_: Round, orders: dict[tuple, dict[str, Any]]) -> Visit:
    train = orders.get((round_.id, site.id, "train"))
    score = orders.get((round_.id, site.id, "evaluate"))
    state, words = _state(round_, train)
    return Visit(
        participant=site,
        number=round_.number,
        sent=_bytes(train and train["attachments"], score and score["attachments"]),
        received=_bytes(train and train["answer_attachments"]),
        train_seconds=_seconds(train),
        score_seconds=_seconds(score),
        state=state,
        words=words,
    )


def _state(round_: Round, train: dict[str, Any] | None) -> tuple[str, str]:
    if train is None:
        return "excluded", "Not asked"
    if train["state"] == SiteOrder.State.ANSWERED:
        return "done", "Took part"
    if train["state"] == SiteOrder.State.FAILED:
        return "failed", "Failed"
    if train["state"] == SiteOrder.State.CANCELLED or round_.state != Round.State.TRAINING:
        return "excluded", "Dropped out"
    return "running", "Awaited"


def _bytes(*found: dict[str, str] | None) -> int | None:
    """Of the files as they are stored; one that is gone makes the sum unknown."""
    digests = [digest for attachments in found if attachments for digest in attachments.values()]
    sizes = [artefacts.size(digest) for digest in digests]
    known = [size for size in sizes if size is not None]
    return sum(known) if digests and len(known) == len(sizes) else None


def _seconds(order: dict[str, Any] | None) -> float | None:
    value = order["answer__seconds"] if order else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _chart(visits: tuple[Visit, ...], name: str, *, title: str, y_label: str) -> Chart:
    scale = 1024 if name == "received" else 1
    series: dict[str, list[tuple[float, float | None]]] = {}
    for visit in sorted(visits, key=lambda v: v.number):
        value = getattr(visit, name)
        series.setdefault(visit.participant.site, []).append((visit.number, None if value is None else value / scale))
    return line_chart(series, title=title, x_label="Round", y_label=y_label, size="s")
