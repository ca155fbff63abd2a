"""Key figures and recent activity of the home page. Activity shows the ledger's public side: table, operation, time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from django.apps import apps
from django.db.models import Count, Max, Q, Sum

from accounts.models import User
from federation.models import TrainingRun
from models_registry.models import Deployment, Version
from provenance.models import Anchor, Entry
from qflethics.home.needs import link

ACTIVITY_SHOWN = 12
_OPERATIONS = {"INSERT": "recorded", "UPDATE": "changed", "DELETE": "removed", "BATCH": "batch recorded"}


@dataclass(frozen=True)
class Figure:
    """One number of the platform, and where it comes from."""

    label: str
    value: int
    note: str
    url: str


def key_figures(user: User) -> list[Figure]:
    """What exists within this person's scope, in five queries at most."""
    found = []
    if user.may("federation.view"):
        runs = TrainingRun.objects.for_user(user).aggregate(
            all=Count("pk", distinct=True), open=Count("pk", distinct=True, filter=Q(state__in=TrainingRun.OPEN))
        )
        found.append(Figure("Training runs", runs["all"], f"{runs['open']} open", link("federations")))
    versions = Version.objects.for_user(user).count()
    found.append(Figure("Model versions", versions, "each the outcome of one run", link("models")))
    deployments = Deployment.objects.for_user(user)
    counted = deployments.aggregate(
        active=Count("pk", distinct=True, filter=Q(state=Deployment.State.ACTIVE)),
        halted=Count("pk", distinct=True, filter=Q(state=Deployment.State.HALTED)),
    )
    served = (
        Deployment.objects.filter(pk__in=deployments.values("pk")).aggregate(n=Sum("counter__predictions"))["n"] or 0
    )
    found.append(Figure("Active deployments", counted["active"], f"{counted['halted']} halted", link("deployments")))
    found.append(Figure("Predictions served", served, "over all deployments", link("deployments")))
    if user.may("ledger.view"):
        last = Entry.objects.aggregate(last=Max("seq"))["last"]
        anchored = Anchor.objects.filter(state=Anchor.State.FINAL).aggregate(size=Max("checkpoint_id"))["size"] or 0
        entries = 0 if last is None else last + 1
        found.append(Figure("Ledger entries", entries, f"{anchored:,} anchored on the chain", link("ledger")))
    return found


def recent_activity() -> list[dict[str, Any]]:
    """The newest entries of the ledger, without the heartbeats that only show that it lives."""
    entries = Entry.objects.exclude(operation__in=["HEARTBEAT", "READ"]).order_by("-seq").defer("leaf", "leaf_hash")
    alike = groupby(entries[: 10 * ACTIVITY_SHOWN], key=lambda entry: (entry.table, entry.operation))
    return [_activity(list(group)) for _, group in islice(alike, ACTIVITY_SHOWN)]


def _activity(entries: list[Entry]) -> dict[str, Any]:
    """One line for entries of one kind that follow one another, newest first."""
    newest, oldest = entries[0], entries[-1]
    words = f"{table_words(newest.table)} {operation_words(newest.operation)}"
    alone = len(entries) == 1
    return {
        "when": newest.at,
        "text": words if alone else f"{words}, {len(entries)} times",
        "url": link("ledger_entry", newest.seq),
        "detail": f"Ledger entry {newest.seq}" if alone else f"Ledger entries {oldest.seq} to {newest.seq}",
    }


def operation_words(operation: str) -> str:
    return _OPERATIONS.get(operation, operation.lower())


def table_words(table: str) -> str:
    """The name of what a table holds; the table's own name for one that is not ours."""
    for model in apps.get_models():
        if model._meta.db_table == table:
            return str(model._meta.verbose_name).capitalize()
    return table
