"""How long bulk rows are kept: by the month, as long as the law and each deployment's approved policy say.

A month goes as a whole once nobody has to keep it: rows, and the names of its cases. Before it goes, the ledger is told
how many rows it held and the Merkle root over the roots of its batches, so that what was kept for years can still be
held against an old export. Figures by hour (the roll-ups) stay: they name nobody.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.runtime.models import Batch, RetiredMonth
from core.context import governed
from core.errors import Conflict
from models_registry.models import Deployment
from provenance.domain.merkle import root_of

logger = logging.getLogger(__name__)
KEEPERS: list[Callable[[date], str]] = []
"""Who else keeps a month, in words, or nothing; apps of higher floors (legal holds) append theirs in `ready()`."""
LAW_MONTHS = 6  # the database's own floor (migration 0030); the setting can only raise it
AROUND = timedelta(minutes=1)  # a batch's entry may be a moment later than its rows
_MONTHS = """
    SELECT DISTINCT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent IN ('runtime_prediction'::regclass, 'runtime_outcome'::regclass) ORDER BY 1
"""


@dataclass(frozen=True)
class Month:
    """A stored month and what keeps it; an empty `kept_by` means that it may go."""

    first: date
    kept_by: str


def floor_months() -> int:
    return max(LAW_MONTHS, settings.RETENTION_MIN_MONTHS)


def stored_months() -> list[date]:
    """The first days of the months that have partitions."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        return [date(int(name[:4]), int(name[4:]), 1) for (name,) in cursor.fetchall()]


def months_due(today: date | None = None) -> list[Month]:
    """The stored months, oldest first, with the reason why each is kept."""
    today = today or timezone.now().date()
    return [Month(first, _keeper(first, today)) for first in stored_months()]


def months_retire() -> list[RetiredMonth]:
    """Drop every month that nobody has to keep. One that is locked by work under way is left for the next time."""
    done = []
    for month in months_due():
        if month.kept_by:
            continue
        try:
            done.append(month_retire(first=month.first))
        except OperationalError as error:  # the lock was not to be had in seconds: ingest goes first
            logger.warning("the month %s is dropped later: %s", month.first, error)
    return done


def month_retire(*, first: date) -> RetiredMonth:
    """Enter a month in the ledger as dropped, and drop it, in one transaction.

    Raises
    ------
    Conflict
        If the law, the platform's floor or a deployment's policy keeps it.
    """
    if kept_by := _keeper(first, timezone.now().date()):
        raise Conflict(
            _("The rows of %(first)s are kept: %(kept_by)s.") % {"first": f"{first:%Y-%m}", "kept_by": kept_by}
        )
    reason = f"older than {floor_months()} months and than every deployment keeps"
    with governed(action="retention.drop", reason=reason):
        roots = [bytes.fromhex(root) for root in _batches(first).order_by("id").values_list("root", flat=True)]
        retired = RetiredMonth.objects.create(
            month=first, predictions=_rows("runtime_prediction", first), outcomes=_rows("runtime_outcome", first),
            batches=len(roots), root=root_of(roots).hex(),
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SELECT runtime_drop_month(%s, %s, %s)", [first, floor_months(), settings.RETENTION_MONTHS])
    return retired


def retired(batches: Sequence[Batch]) -> set:
    """Of these batches, the ids of those whose rows went with their month."""
    months = _retired_months()
    return {b.id for b in batches if _months_of(b) & months} if months else set()


def months_gone(deployment_id: uuid.UUID, outcomes: int, predictions: int | None) -> tuple[date, ...]:
    """Retired months with rows of a deployment after these positions: what a monitor's epoch cannot be folded from."""
    months = _retired_months()
    if not months:
        return ()
    after = Q(kind="outcome", first_position__gt=outcomes)
    if predictions is not None:
        after |= Q(kind="prediction", first_position__gt=predictions)
    past = max(map(_start, months)) + timedelta(days=31) + AROUND
    found = Batch.objects.filter(after, deployment=deployment_id, created_at__lt=past).only("id", "created_at")
    return tuple(sorted({month for batch in found for month in _months_of(batch) & months}))


def _retired_months() -> set[date]:
    return set(RetiredMonth.objects.values_list("month", flat=True))


def _months_of(batch: Batch) -> set[date]:
    """In which its rows may lie."""
    return {_month(batch.created_at), _month(batch.created_at - AROUND)}


def _keeper(first: date, today: date) -> str:
    """Who keeps a month, in words; empty if nobody does."""
    age = _age(first, today)
    if age < floor_months():
        return _("the legal minimum is %(n)s months") % {"n": floor_months()}
    ids = _batches(first).order_by().values("deployment_id")
    for deployment in Deployment.objects.filter(id__in=ids).order_by("name"):
        keeps = deployment.policy.get("retention_months", settings.RETENTION_MONTHS)
        if age < keeps:
            return _("%(deployment)s keeps its rows %(n)s months") % {"deployment": deployment, "n": keeps}
    return next((said for keeper in KEEPERS if (said := keeper(first))), "")


def _age(first: date, today: date) -> int:
    """Whole months since the month ended."""
    return (today.year - first.year) * 12 + today.month - first.month - 1


def _month(at: datetime) -> date:
    return at.astimezone(UTC).date().replace(day=1)


def _start(first: date) -> datetime:
    return datetime(first.year, first.month, 1, tzinfo=UTC)


def _batches(first: date):
    start = _start(first)
    past = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
    return Batch.objects.filter(created_at__gte=start, created_at__lt=past + AROUND)


def _rows(table: str, first: date) -> int:
    start = _start(first)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {table} WHERE received_at >= %s "  # noqa: S608 - our own tables
            "AND received_at < %s + interval '1 month'",
            [start, start],
        )
        return cursor.fetchone()[0]
