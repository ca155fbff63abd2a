"""The map of a federation: who is connected, how healthy each worker is, what it runs, and who consents to what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.charts import Chart, Table
from core.charts.svg import Canvas, short
from core.spoken import inside
from core.tones import look_of
from federation.consents import standing
from federation.models import Consent, Federation, Participant, SiteSoftware, TrainingRun
from federation.presentation.consents import ANSWER_WORDS

HEALTHY_FOR = timedelta(minutes=3)  # three heartbeats
RUNS_SHOWN = 10
_ROW, _TOP, _LEFT, _RIGHT = 54.0, 30.0, 110.0, 330.0
COLUMNS = ("Site", "Health", "Software", "Last sign of life", "Carried by")


@dataclass(frozen=True)
class Place:
    """A site on the map."""

    participant: Participant
    health: tuple[str, str]  # state of the badge, and its words
    software: SiteSoftware | None
    outdated: bool  # another version than the coordinator's


@dataclass(frozen=True)
class RunConsents:
    run: TrainingRun
    answers: tuple[tuple[Participant, str, str], ...]  # participant, state of the badge, words; in the order of sites


def tabs(current: str, federation: Federation) -> list[dict[str, Any]]:
    named = [
        ("Runs and sites", "federation"), ("Map", "federation_map"), ("Traffic", "federation_traffic"),
        ("Differences", "federation_differences"), ("Quantum keys", "federation_keys"),
        ("Certificates", "site_passes"),
    ]  # fmt: skip
    return [
        {"label": label, "url": reverse(name, args=[federation.id]), "current": name == current}
        for label, name in named
    ]


def map_context(federation: Federation) -> dict[str, Any]:
    sites = places(federation)
    return {
        "sites": sites,
        "drawing": drawing(federation, sites) if sites else None,
        "runs": consents(federation, [site.participant for site in sites]),
        "version": settings.VERSION,
    }


def places(federation: Federation) -> list[Place]:
    now = timezone.now()
    out = []
    for participant in federation.participants.select_related("institution", "software"):
        software = getattr(participant, "software", None)
        outdated = software is not None and software.version != settings.VERSION
        out.append(Place(participant, health(participant, now), software, outdated))
    return out


def health(participant: Participant, now: datetime) -> tuple[str, str]:
    if not participant.is_active:
        return "inactive", "Not taking part"
    if participant.last_seen_at is None:
        return "unknown", "Never heard"
    if now - participant.last_seen_at > HEALTHY_FOR:
        return "stale", "Silent"
    return "healthy", "Healthy"


def drawing(federation: Federation, sites: list[Place]) -> Chart:
    """The coordinator on the left, a row for each site on the right; the state is in words beside each."""
    canvas = Canvas(680, _TOP * 2 + _ROW * len(sites))
    middle = canvas.height / 2
    rows = []
    for index, site in enumerate(sites):
        y = _TOP + _ROW * (index + 0.5)
        tone = f"t-{look_of(site.health[0]).tone}"
        canvas.shape("path", f"c-whisker {tone}", d=f"M {_LEFT} {middle} C 220 {middle} 220 {y} {_RIGHT} {y}")
        canvas.shape("circle", f"c-mark {tone}", cx=_RIGHT, cy=y, r=9)
        canvas.text("c-strong", _RIGHT + 18, y - 3, short(str(site.participant), 320))
        cells = _cells(site)
        canvas.text("c-text", _RIGHT + 18, y + 13, short(f"{cells[1]} · {cells[2]} · {cells[4]}", 320))
        rows.append(cells)
    canvas.shape("circle", "c-mark s1", cx=_LEFT, cy=middle, r=14)
    canvas.text("c-strong", _LEFT, middle + 32, _("Coordinator"), "middle")
    canvas.text("c-text", _LEFT, middle + 48, _("version %(version)s") % {"version": settings.VERSION}, "middle")
    said = _("The coordinator and %(n)s sites.") % {"n": len(sites)}
    said = " ".join([said, *(f"{row[0]}: {inside(row[1])}." for row in rows)])
    table = Table(tuple(map(_, COLUMNS)), tuple(rows))
    return canvas.finish(
        title=_("Map of %(federation)s") % {"federation": federation.name},
        description=said,
        table=table,
        size="m",
        key="map",
    )


def _cells(site: Place) -> tuple[str, ...]:
    seen = site.participant.last_seen_at
    return (
        str(site.participant),
        _(site.health[1]),
        _("version %(version)s") % {"version": site.software.version} if site.software else _("version not told"),
        f"{seen:%Y-%m-%d %H:%M} UTC" if seen else _("never yet"),
        site.software.engine if site.software else _("not told"),
    )


def consents(federation: Federation, sites: list[Participant]) -> list[RunConsents]:
    """The newest runs, and where each institution stands with each."""
    out = []
    runs = list(federation.runs.all()[:RUNS_SHOWN])
    signed: dict[Any, dict[str, Consent]] = {}
    for consent in Consent.objects.filter(run__in=runs).order_by("created_at"):
        signed.setdefault((consent.run_id, consent.participant_id), {})[consent.capacity] = consent
    for run in runs:
        answers = []
        for site in sites:
            if site.site in run.config["data_digests"]:
                answer = standing(run, signed.get((run.id, site.id), {}))
                answers.append((site, *ANSWER_WORDS[Consent.Decision(answer) if answer else None]))
            else:
                answers.append((site, "none", _("Not in this run")))
        out.append(RunConsents(run, tuple(answers)))
    return out
