"""Key figures and recent activity of the home page. Activity shows the ledger's public side: table, operation, time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from django.apps import apps
from django.db.models import Count, Max, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from federation.models import TrainingRun
from models_registry.models import Deployment, Version
from provenance.models import Anchor, Entry
from qflethics.home.needs import link

ACTIVITY_SHOWN = 12
_OPERATIONS = {
    "INSERT": gettext_lazy("recorded"),
    "UPDATE": gettext_lazy("changed"),
    "DELETE": gettext_lazy("removed"),
    "BATCH": gettext_lazy("batch recorded"),
}


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
        found.append(
            Figure(_("Training runs"), runs["all"], _("%(n)s open") % {"n": runs["open"]}, link("federations"))
        )
    versions = Version.objects.for_user(user).count()
    found.append(Figure(_("Model versions"), versions, _("each the outcome of one run"), link("models")))
    deployments = Deployment.objects.for_user(user)
    counted = deployments.aggregate(
        active=Count("pk", distinct=True, filter=Q(state=Deployment.State.ACTIVE)),
        halted=Count("pk", distinct=True, filter=Q(state=Deployment.State.HALTED)),
    )
    served = (
        Deployment.objects.filter(pk__in=deployments.values("pk")).aggregate(n=Sum("counter__predictions"))["n"] or 0
    )
    found.append(
        Figure(
            _("Active deployments"),
            counted["active"],
            _("%(n)s halted") % {"n": counted["halted"]},
            link("deployments"),
        )
    )
    found.append(Figure(_("Predictions served"), served, _("over all deployments"), link("deployments")))
    if user.may("ledger.view"):
        last = Entry.objects.aggregate(last=Max("seq"))["last"]
        anchored = Anchor.objects.filter(state=Anchor.State.FINAL).aggregate(size=Max("checkpoint_id"))["size"] or 0
        entries = 0 if last is None else last + 1
        found.append(
            Figure(
                _("Ledger entries"), entries, _("%(n)s anchored on the chain") % {"n": f"{anchored:,}"}, link("ledger")
            )
        )
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
        "text": words if alone else _("%(what)s, %(n)s times") % {"what": words, "n": len(entries)},
        "url": link("ledger_entry", newest.seq),
        "detail": _("Ledger entry %(seq)s") % {"seq": newest.seq}
        if alone
        else _("Ledger entries %(first)s to %(last)s") % {"first": oldest.seq, "last": newest.seq},
    }


def operation_words(operation: str) -> str:
    return str(_OPERATIONS.get(operation, operation.lower()))


def table_words(table: str) -> str:
    """The name of what a table holds; the table's own name for one that is not ours."""
    for model in apps.get_models():
        if model._meta.db_table == table:
            return _(str(model._meta.verbose_name).capitalize())
    return table
