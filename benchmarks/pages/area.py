"""Area `pages`: the server time of every page for somebody who may see it, on a platform that has been used for years.

Ten million predictions and a million ledger entries are put there by SQL and by the sequencer. Each page is asked for
in this process, so that the figure is the server's alone: routing, rights, queries, rendering.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

from benchmarks.frame import Measure, progress
from benchmarks.platform import durability, private_platform

EVENTS, QUICK_EVENTS = 10_000_000, 200_000
ENTRIES, QUICK_ENTRIES = 1_000_000, 20_000
LIVES, GETS, TARGET_MS = 12, 7, 150.0
CHECKS = ("bias_score", "bias_score_baseline", "epsilon", "quantum_mmd", "lime", "aif360", "representation")
KEPT_NOTE = 12  # slowest pages named in the note


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """`pages.worst_ms` and `pages.median_ms` over all pages; words choose pages by their address's name."""
    with private_platform():
        times = dict(_all(quick, only))
        slowest = sorted(times, key=lambda name: -times[name])
        over = [name for name in slowest if times[name] > TARGET_MS]
        events, entries = _sizes()
        named = ", ".join(f"{name} {times[name]:.0f}" for name in slowest[:KEPT_NOTE])
        note = (
            f"target <= {TARGET_MS:.0f} for each; {len(times)} pages, median of {GETS} GETs each in process; {events} "
            f"predictions, {entries} ledger entries; over the target: {len(over)}; slowest: {named}; {durability()}"
        )
        yield Measure("pages.worst_ms", times[slowest[0]], "ms", runs=GETS, note=note)
        yield Measure("pages.median_ms", statistics.median(times.values()), "ms", runs=GETS, note="over all pages")


def _all(quick: bool, only: Sequence[str]) -> Iterator[tuple[str, float]]:
    from django.conf import settings
    from django.core.management import call_command

    from benchmarks.ledger import backlog
    from benchmarks.runtime.page import HOURS, QUICK_HOURS, fill
    from tests.factories.federation import make_federation
    from tests.factories.lives import make_life
    from tests.factories.people import make_people
    from tests.qflethics.test_page_budgets import BACKEND, EXPECTED, OF, PUBLIC, ROLES, SEARCHES, entered, pages

    settings.AUDIT_CHECKS = CHECKS
    _exempt_peers()
    call_command("collectstatic", interactive=False, verbosity=0)
    people = make_people()
    world = make_federation(people)
    lives = [make_life(world, number) for number in range(1, LIVES + 1)]
    fill(lives[0].served.id, QUICK_EVENTS if quick else EVENTS, QUICK_HOURS if quick else HOURS)
    progress("filling the ledger")
    backlog.fill(QUICK_ENTRIES if quick else ENTRIES)
    entered()
    _analyze()

    from django.test import Client
    from django.urls import reverse

    clients = {}
    for letter, who in ROLES.items():
        clients[letter] = Client(SERVER_NAME="localhost")
        clients[letter].force_login(getattr(people, who), backend=BACKEND)
    for name in pages():
        if only and not any(word in name for word in only):
            continue
        who = EXPECTED[name]["GET"]
        client = Client(SERVER_NAME="localhost") if who == PUBLIC else clients["A" if "A" in who else who[0]]
        path = reverse(name, args=OF[name](lives[0]) if name in OF else []) + SEARCHES.get(name, "")
        times = [_get(client, path) for _ in range(GETS + 1)][1:]
        progress(f"{name}: {statistics.median(times):.1f} ms")
        yield name, statistics.median(times)


def _exempt_peers() -> None:
    """The ledger's benchmark brings tables of its own and of the peers, which the platform's pages would not know."""
    from django.apps import apps

    from core.tables import FRAMEWORK_EXEMPT

    for label in ("pghistory", "auditlog", "bench"):
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            FRAMEWORK_EXEMPT.setdefault(model._meta.db_table, "of a benchmark")


def _get(client, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    if answer.status_code not in {200, 302}:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return (time.perf_counter() - started) * 1e3


def _analyze() -> None:
    """What autovacuum does in time."""
    import os

    import psycopg2

    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    owner.close()


def _sizes() -> tuple[int, int]:
    from audits.runtime.models import Prediction
    from provenance.models import Entry

    return Prediction.objects.count(), Entry.objects.count()
