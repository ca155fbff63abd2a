"""Ours beside django-pghistory and django-auditlog: the same shape of row, the same statements, in the same run.

Speed alone would flatter whoever records least, so what each records is counted in the same run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version

from auditlog.models import LogEntry
from django.db import connection, models, transaction

from benchmarks.frame import Measure, alternate, compared, progress
from benchmarks.ledger.models import Audited, Governed, History
from benchmarks.ledger.overhead import DETAILS
from benchmarks.platform import durability
from core.models import Outbox

BULK = 1000
SINGLE = 100
TURNS, QUICK_TURNS = 41, 7  # short turns in close alternation: what else the machine does then falls on both alike


@dataclass(frozen=True)
class Contestant:
    """A way to follow changes: the model it follows and how many changes it has recorded."""

    name: str
    model: type[models.Model]
    recorded: Callable[[], int]


def contestants() -> tuple[Contestant, Contestant, Contestant]:
    events = History._meta.apps.get_model("bench", "HistoryEvent")
    return (
        Contestant("ours", Governed, lambda: Outbox.objects.filter(table="bench_governed").count()),
        Contestant(f"django-pghistory {version('django-pghistory')}", History, events.objects.count),
        Contestant(f"django-auditlog {version('django-auditlog')}", Audited, LogEntry.objects.count),
    )


def measure(*, quick: bool) -> Iterator[Measure]:
    runs = QUICK_TURNS if quick else TURNS
    ours, *peers = contestants()
    note = durability()
    for peer in peers:
        name = "ledger.vs_pghistory" if peer.model is History else "ledger.vs_auditlog"
        for statement, work in WORK.items():
            progress(f"{name}: {statement}")
            rows = SINGLE if statement in {"create", "save"} else BULK
            mine, theirs = alternate(_rate(work, ours.model, rows), _rate(work, peer.model, rows), runs=runs)
            mine_kept, peer_kept = _share(work, ours, rows), _share(work, peer, rows)
            found = compared(
                name if statement == "create" else f"{name}.{statement}", mine, "rows/s", better="higher",
                peer=peer.name, theirs=theirs,
                note=f"{ABOUT[statement]}; recorded of {rows} changes: ours {mine_kept}, peer {peer_kept}; {note}",
            )  # fmt: skip
            # Against a peer that recorded nothing there is no race to win or lose.
            yield found if peer_kept else replace(found, ratio=None)


def _rate(work: Callable, model: type[models.Model], rows: int) -> Callable[[], float]:
    def run() -> float:
        prepared = _prepare(work, model, rows)
        started = time.perf_counter()
        work(model, prepared)
        return rows / (time.perf_counter() - started)

    return run


def _share(work: Callable, contestant: Contestant, rows: int) -> int:
    """How many of the changes the contestant has recorded."""
    prepared = _prepare(work, contestant.model, rows)
    before = contestant.recorded()
    work(contestant.model, prepared)
    return contestant.recorded() - before


def _prepare(work: Callable, model: type[models.Model], rows: int) -> list:
    """New rows, stored already where the work changes them."""
    made = [model(name=f"model {n}", details=json.loads(DETAILS)) for n in range(rows)]
    if work in (create, bulk_create):
        return made
    return model._default_manager.bulk_create(made)


# --- the statements ------------------------------------------------------------------------------------------------


def create(model: type[models.Model], made: list) -> None:
    for instance in made:
        instance.save(force_insert=True)


def save(model: type[models.Model], stored: list) -> None:
    for instance in stored:
        instance.state, instance.version = "closed", instance.version + 1
        instance.save(update_fields=["state", "version"])


def bulk_create(model: type[models.Model], made: list) -> None:
    model._default_manager.bulk_create(made)


def queryset_update(model: type[models.Model], stored: list) -> None:
    ids = [instance.pk for instance in stored]
    model._default_manager.filter(pk__in=ids).update(state="closed", version=models.F("version") + 1)


def raw_update(model: type[models.Model], stored: list) -> None:
    ids = [str(instance.pk) for instance in stored]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET state = 'closed', version = version + 1 "  # noqa: S608 - our own table
            "WHERE id = ANY (%s::uuid[])",
            [ids],
        )


WORK = {
    "create": create,
    "save": save,
    "bulk_create": bulk_create,
    "queryset_update": queryset_update,
    "raw_update": raw_update,
}
ABOUT = {
    "create": "Model.save() of a new row, one commit each",
    "save": "Model.save(update_fields=two) of a stored row, one commit each",
    "bulk_create": f"bulk_create of {BULK}, one commit",
    "queryset_update": f"QuerySet.update of {BULK}, one commit",
    "raw_update": f"raw UPDATE of {BULK}, one commit",
}
