"""What changed in the period: new versions and members, published cards, and every change of state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from audits.posthoc.assembly.decisions import (
    deployment_histories,
    deployments_of,
    request_histories,
    requests_of,
)
from audits.posthoc.assembly.records import run_histories, runs
from audits.posthoc.assembly.window import History, Window, instant, label, transitions
from federation.models import Participant
from models_registry.models import CardPublication, Version


def changes(window: Window) -> list[dict[str, Any]]:
    """Every change, in the order of time. One of a state names the ledger entry that recorded it."""
    found = [*_versions(window), *_members(window), *_cards(window)]
    named: tuple[tuple[list[Any], History, str], ...] = (
        (window.once(requests_of), window.once(request_histories), "Request: {}"),
        (window.once(deployments_of), window.once(deployment_histories), "Deployment {}"),
        (window.once(runs), window.once(run_histories), "Training run {}"),
    )
    for rows, past, name in named:
        for row in rows:
            for moment, before, after in transitions(row, past, window):
                found.append(_change(moment.at, name.format(row), before, after) | {"entry": moment.seq})
    return sorted(found, key=lambda change: change["at"])


def _change(at: dt.datetime, subject: object, before: str, after: str) -> dict[str, Any]:
    return {"at": instant(at), "subject": label(subject), "before": before, "after": after}


def _versions(window: Window) -> Iterator[dict[str, Any]]:
    rows = Version.objects.filter(**window.during("created_at"), **window.of("model__federation"))
    for version in rows.select_related("model"):
        before = f"version {version.number - 1}" if version.number > 1 else "no version"
        yield _change(version.created_at, version.model, before, f"version {version.number}")


def _members(window: Window) -> Iterator[dict[str, Any]]:
    rows = Participant.objects.filter(**window.during("created_at"), **window.of("federation"))
    for row in rows.select_related("institution", "federation"):
        yield _change(row.created_at, f"{row.institution} in {row.federation.name}", "no part", "takes part")


def _cards(window: Window) -> Iterator[dict[str, Any]]:
    """Publications, and what was taken back."""
    rows = CardPublication.objects.filter(created_at__lt=window.until, **window.of("version__model__federation"))
    for row in rows.select_related("version__model"):
        if window.holds(row.created_at):
            yield _change(row.created_at, f"Card of {row.version}", "not public", "public")
        if row.withdrawn_at is not None and window.holds(row.withdrawn_at):
            yield _change(row.withdrawn_at, f"Card of {row.version}", "public", "not public")
