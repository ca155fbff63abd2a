"""Figures for Prometheus, at /metrics: the ledger's, and what higher floors add (`SOURCES`).

Read from the database only: the chain through its mirror. What to watch: `anchor_lag_seconds` and
`chain_mirror_age_seconds` say that anchoring has stopped, and `ledger_outbox_waiting` that the sequencer has
(docs/anchoring.md).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.models import Outbox
from provenance.models import Anchor, ChainState, Checkpoint, Entry
from provenance.witnesses import highest_witnessed

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PROTO")


@dataclass(frozen=True)
class Metric:
    """One figure, as it stands now."""

    name: str
    meaning: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["gauge", "counter", "histogram"] = "gauge"
    suffix: str = ""  # of a histogram's sample: _bucket, _sum or _count


SOURCES: list[Callable[[], list[Metric]]] = []
"""More figures at /metrics; apps of higher floors append theirs in `ready()`."""


@dataclass(frozen=True)
class AnchorLag:
    """How far the chain is behind the log."""

    entries: int  # in the log and not under a final anchor
    seconds: float  # age of the oldest of them; 0 if there is none


def anchor_lag(now: datetime | None = None) -> AnchorLag:
    """Entries that no final anchor holds, and since when."""
    newest = Entry.objects.order_by("-seq").first()
    entries = newest.seq + 1 if newest else 0
    last = Anchor.objects.filter(state=Anchor.State.FINAL).first()
    anchored = last.checkpoint_id if last else 0
    oldest = Entry.objects.filter(seq=anchored).first()
    seconds = _age(oldest.at, now or timezone.now()) if oldest else 0.0
    return AnchorLag(max(0, entries - anchored), seconds)


def ledger_metrics(now: datetime | None = None) -> list[Metric]:
    """All figures. What does not exist yet (a checkpoint, a chain) is left out, never shown as zero."""
    now = now or timezone.now()
    newest, checkpoint = Entry.objects.order_by("-seq").first(), Checkpoint.objects.first()
    lag = anchor_lag(now)
    found = [
        Metric("ledger_entries", "Entries in the log.", newest.seq + 1 if newest else 0),
        Metric("ledger_outbox_waiting", "Changes that wait for the sequencer.", Outbox.objects.count()),
        Metric("ledger_witnessed_entries", "Entries under some witness's cosignature.", highest_witnessed()),
        Metric("anchor_lag_events", "Entries that no final anchor holds.", lag.entries),
        Metric("anchor_lag_seconds", "Age of the oldest entry that no final anchor holds.", lag.seconds),
    ]
    if checkpoint is not None:
        age = _age(checkpoint.created_at, now)
        found += [
            Metric("ledger_checkpoint_entries", "Entries under the newest signed checkpoint.", checkpoint.size),
            Metric("ledger_checkpoint_age_seconds", "Age of the newest signed checkpoint.", age),
        ]
    return found + _anchor_metrics(now) + _chain_metrics(now)


def exposition(metrics: list[Metric]) -> str:
    """Prometheus text format 0.0.4."""
    lines: dict[str, list[str]] = {}  # the lines of one name must stand together
    for metric in metrics:
        if metric.name not in lines:
            lines[metric.name] = [f"# HELP {metric.name} {metric.meaning}", f"# TYPE {metric.name} {metric.kind}"]
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in metric.labels.items())
        value, name = f"{float(metric.value):.15g}", metric.name + metric.suffix
        lines[metric.name].append(f"{name}{{{labels}}} {value}" if labels else f"{name} {value}")
    return "\n".join(line for group in lines.values() for line in group) + "\n"


def health_note() -> str:
    """One line for `manage.py health`."""
    lag = anchor_lag()
    return f"ledger: {lag.entries} entries not anchored, the oldest for {lag.seconds:.0f} s"


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """With a token if METRICS_TOKEN_FILE is set, else for this machine only."""
    if settings.METRICS_TOKEN_FILE:
        if not _has_token(request):
            refused = HttpResponse(
                "expected Authorization: Bearer and the token\n", status=401, content_type="text/plain"
            )
            refused["WWW-Authenticate"] = 'Bearer realm="metrics"'
            return refused
    elif not _is_local(request):
        return HttpResponse(
            "metrics are for this machine only; set METRICS_TOKEN_FILE to ask from another\n",
            status=403,
            content_type="text/plain",
        )
    answer = HttpResponse(
        exposition([*ledger_metrics(), *(metric for source in SOURCES for metric in source())]),
        content_type=CONTENT_TYPE,
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _anchor_metrics(now: datetime) -> list[Metric]:
    counted = dict(Anchor.objects.order_by().values_list("state").annotate(Count("pk")))
    found = [
        Metric("anchors", "Anchors by state.", counted.get(state, 0), {"state": state}) for state in Anchor.State.values
    ]
    under_way = Anchor.objects.filter(state=Anchor.State.SIGNED).first()
    age = _age(under_way.created_at, now) if under_way else 0.0
    attempts = under_way.attempts.filter(nonce=under_way.nonce).count() if under_way else 0
    return [
        *found,
        Metric("anchor_open_age_seconds", "Age of the anchor that is signed and not final; 0 if there is none.", age),
        Metric("anchor_open_attempts", "Transactions signed for that anchor; above 1 it was stuck.", attempts),
    ]


def _chain_metrics(now: datetime) -> list[Metric]:
    chain = ChainState.objects.first()
    if chain is None:
        return []
    return [
        Metric("chain_head_entries", "Entries under the chain's final head.", chain.head_size),
        Metric("chain_block_number", "Newest block when the chain was last read.", chain.block_number),
        Metric("chain_mirror_age_seconds", "Since the chain was last read.", _age(chain.read_at, now)),
    ]


def _has_token(request: HttpRequest) -> bool:
    """Compare in constant time. A token file that is missing or empty lets nobody in."""
    try:
        expected = Path(settings.METRICS_TOKEN_FILE).read_bytes().strip()
    except OSError:
        return False
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    return bool(expected) and hmac.compare_digest(given, expected)


def _is_local(request: HttpRequest) -> bool:
    """From this machine and through no proxy: behind one, every stranger has the proxy's address."""
    if any(name in request.META for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a unix socket has no address
        return False


def _age(at: datetime, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
