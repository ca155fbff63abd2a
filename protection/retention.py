"""The retention schedule: what is in force, what it would remove now, and carrying it out once a day.

A class's period is the house's newest rule, else the shipped one. While a legal hold lies on a class, nothing of it
goes. Each execution of each class is a governed row with its counts, also where nothing was due.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from protection.domain.schedule import RecordClass, period, schedule
from protection.models import LegalHold, RetentionExecution, RetentionRule
from protection.removing import REMOVERS

logger = logging.getLogger(__name__)
ONCE_IN = timedelta(hours=23)  # the calendar asks every hour
LONGEST_HOLD = timedelta(days=3653)
LONGEST_DAYS = 36_525
_LOCK = 0x7265746E  # one execution at a time


@dataclass(frozen=True)
class InForce:
    """A class with the rule that holds for it now."""

    record: RecordClass
    days: int
    basis: str
    rule: RetentionRule | None  # none: the shipped default
    hold: LegalHold | None
    last: RetentionExecution | None

    @property
    def period(self) -> str:
        if self.record.key == "predictions":
            return _("%(n)s months, or a deployment's own") % {"n": settings.RETENTION_MONTHS}
        if self.record.key == "decisions":
            return period(round(settings.DECISION_RETENTION_DAYS))
        return "not held" if self.record.action == "none" else period(self.days)

    def before(self, now: datetime) -> datetime:
        return now - timedelta(days=self.days)


@dataclass(frozen=True)
class Due:
    """What an execution would do with a class now."""

    in_force: InForce
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def in_force() -> list[InForce]:
    """The whole schedule, in four queries."""
    rules = {rule.record_class: rule for rule in RetentionRule.objects.select_related("set_by").order_by("created_at")}
    newest = RetentionExecution.objects.order_by("record_class", "-created_at").distinct("record_class")
    last, holds = {row.record_class: row for row in newest}, list(holds_now())
    found = []
    for record in schedule():
        rule = rules.get(record.key) if record.may_be_set else None
        found.append(
            InForce(
                record, rule.days if rule else record.days, rule.legal_basis if rule else record.basis, rule,
                _hold_on(record.key, holds), last.get(record.key),
            )
        )  # fmt: skip
    return found


def preview() -> list[Due]:
    """What is due now, without removing anything."""
    now = timezone.now()
    return [
        Due(rule, REMOVERS[rule.record.key](rule.before(now), True))
        for rule in in_force()
        if rule.record.is_carried_out
    ]


def execute(*, actor: User | None = None) -> list[RetentionExecution]:
    """Carry the schedule out for every class, each in a transaction of its own; one that fails is entered as failed."""
    now = timezone.now()
    return [_execute(rule, now, actor) for rule in in_force() if rule.record.is_carried_out]


def execute_once_a_day() -> list[RetentionExecution]:
    """Unless it was done within a day, or another process is at it: who was down makes up for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return []
        try:
            if RetentionExecution.objects.filter(created_at__gt=timezone.now() - ONCE_IN).exists():
                return []
            return execute()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _execute(rule: InForce, now: datetime, actor: User | None) -> RetentionExecution:
    record, before = rule.record, rule.before(now)
    counts: dict[str, int] = {}
    error = ""
    reason = f"{record.title}: {rule.period}"
    with governed(action="retention.execute", actor=actor.pk if actor else None, reason=reason):
        if rule.hold is None:
            try:
                with transaction.atomic():
                    counts = REMOVERS[record.key](before, False)
            except Exception as failed:
                logger.exception("retention of %s failed", record.key)
                error = f"{type(failed).__name__}: {failed}"[:500]
        return RetentionExecution.objects.create(
            record_class=record.key, action=record.action, days=rule.days, legal_basis=rule.basis, before=before,
            counts=counts, held_by=rule.hold, error=error,
        )  # fmt: skip


# --- rules and holds -----------------------------------------------------------------------------------------------


def record_class(key: str) -> RecordClass | None:
    return next((one for one in schedule() if one.key == key), None)


def rule_set(*, record: RecordClass, days: int, legal_basis: str, reason: str, actor: User) -> RetentionRule:
    """Set the house's own period for a class.

    Raises
    ------
    ApplicationError
        If it is under what the law says, or without a basis or a reason.
    """
    if not record.may_be_set:
        raise ApplicationError(
            (
                _("%(record)s: the period is not set here. %(where)s") % {"record": record.title, "where": record.where}
            ).strip()
        )
    if not record.least_days <= days <= LONGEST_DAYS:
        raise ApplicationError(
            _("%(record)s: expected %(least_days)s to %(longest_days)s days, got %(days)s. %(basis)s.")
            % {
                "record": record.title,
                "least_days": f"{record.least_days:,}",
                "longest_days": f"{LONGEST_DAYS:,}",
                "days": f"{days:,}",
                "basis": record.basis,
            }
        )
    if not legal_basis.strip() or not reason.strip():
        raise ApplicationError("State the legal basis of the period, and why it is set.")
    with governed(action="retention.set", actor=actor.pk, reason=reason.strip()):
        return RetentionRule.objects.create(
            record_class=record.key, days=days, legal_basis=legal_basis.strip(), reason=reason.strip(), set_by=actor
        )


def hold_place(*, record: RecordClass | None, ends_on: date, reason: str, actor: User) -> LegalHold:
    """Suspend removal of a class (none: of everything) until a day."""
    today = timezone.now().date()
    if not today <= ends_on <= today + LONGEST_HOLD:
        raise ApplicationError(
            _("Expected a last day between %(today)s and %(today_2)s, got %(ends_on)s.")
            % {"today": today, "today_2": today + LONGEST_HOLD, "ends_on": ends_on}
        )
    if not reason.strip():
        raise ApplicationError("Say why: a matter, a court, an authority. It becomes part of the record.")
    with governed(action="hold.place", actor=actor.pk, reason=reason.strip()):
        return LegalHold.objects.create(
            record_class=record.key if record else "", ends_on=ends_on, reason=reason.strip(), placed_by=actor
        )


def hold_lift(*, hold: LegalHold, reason: str, actor: User) -> LegalHold:
    """End a hold before its day."""
    if not reason.strip():
        raise ApplicationError("Say why the hold is lifted.")
    if hold.placed_by_id != actor.pk and not actor.may("retention.manage"):
        raise Forbidden("A hold is lifted by whoever placed it, or by an administrator.")
    with governed(action="hold.lift", actor=actor.pk, reason=reason.strip()):
        row = LegalHold.objects.select_for_update().get(pk=hold.pk)
        if row.lifted_at is not None or row.ends_on < timezone.now().date():
            raise Conflict("This hold has ended already.")
        row.lifted_at, row.lifted_by, row.lift_reason = timezone.now(), actor, reason.strip()
        row.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
        return row


def holds_now() -> QuerySet[LegalHold]:
    today = timezone.now().date()
    return LegalHold.objects.filter(lifted_at__isnull=True, ends_on__gte=today).select_related("placed_by")


def held_predictions() -> str:
    """What keeps predictions, in words: beyond their period (`audits.runtime.retention`), and from an erasure."""
    found = holds_now().filter(Q(record_class="") | Q(record_class="predictions")).first()
    if found is None:
        return ""
    return _("a legal hold until %(day)s keeps them") % {"day": date_format(found.ends_on, "j F Y")}


def _hold_on(key: str, holds: Iterable[LegalHold]) -> LegalHold | None:
    return next((hold for hold in holds if hold.record_class in ("", key)), None)
