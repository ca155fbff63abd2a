"""Quantum keys of a federation: its links as the sites last told them, and the rehearsal of an eavesdropper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.charts import Chart, Mark, line_chart
from federation.domain.quantum.qkd.limits import QBER_LIMIT
from federation.models import Federation, QkdCheck, QkdRehearsal

FRESH_FOR = timedelta(hours=1)
LOOKS = {
    QkdCheck.State.UP: ("healthy", "Gives keys"),
    QkdCheck.State.NO_KEY: ("failed", "Gives no key"),
    QkdCheck.State.DOWN: ("unreachable", "Down"),
    QkdCheck.State.UNCONFIGURED: ("none", "No QKD here"),
}


@dataclass(frozen=True)
class LinkRow:
    """One end of a link."""

    check: QkdCheck
    look: tuple[str, str]
    stale: bool


@dataclass(frozen=True)
class Rehearsed:
    rehearsal: QkdRehearsal
    key_chart: Chart
    qber_chart: Chart

    @property
    def steps(self) -> list[dict[str, Any]]:
        return self.rehearsal.steps or []

    @property
    def dies_at(self) -> float | None:
        """The weakest eavesdropper that left no key."""
        return next((step["intercept"] for step in self.steps if not step["secure_bits"]), None)


def link_rows(federation: Federation) -> list[LinkRow]:
    """The newest word of each end, in one query."""
    newest = (
        QkdCheck.objects.filter(participant__federation=federation)
        .select_related("participant__institution", "peer__institution")
        .order_by("participant__site", "peer__site", "-created_at")
        .distinct("participant__site", "peer__site")
    )
    old = timezone.now() - FRESH_FOR
    return [LinkRow(check, LOOKS[QkdCheck.State(check.state)], check.created_at < old) for check in newest]


def rehearsed(federation: Federation) -> Rehearsed | None:
    """The newest rehearsal that is over."""
    found = federation.qkd_rehearsals.filter(steps__isnull=False).select_related("requested_by").first()
    if found is None:
        return None
    points = [(100 * step["intercept"], step) for step in found.steps or ()]
    dead = next((x for x, step in points if not step["secure_bits"]), None)
    marks = [Mark(dead, "No key left", "fail")] if dead is not None else []
    return Rehearsed(
        found,
        line_chart(
            {_("Secure key"): [(x, step["secure_bits"]) for x, step in points]}, title="Length of the key",
            x_label="Photons intercepted (%)", y_label="Bits a session", marks=marks, size="s",
        ),
        line_chart(
            {"QBER": [(x, step["qber"]) for x, step in points]}, title="Quantum bit error rate",
            x_label="Photons intercepted (%)", y_label="Share of bits wrong", threshold=QBER_LIMIT,
            threshold_label="never a key above", size="s",
        ),
    )  # fmt: skip
