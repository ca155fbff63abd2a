"""Signing a report off: an auditor, and the chair of a board, each with a key that the platform never holds."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Institution, User
from audits.posthoc.models import BoardReview, Report, ReportSignOff
from audits.posthoc.services import report_file
from core.context import governed
from core.errors import Conflict, Forbidden
from core.roles import Role
from models_registry.domain.statement import REPORT_FORMAT, StatementError, digest_of, read_statement, statement_text
from models_registry.refusals import refusals_told
from models_registry.signatures import GOOD_FOR, Signed, key_that_signed, live_keys
from provenance.domain.report import content_of, read_manifest

Capacity = ReportSignOff.Capacity


def capacities_of(report: Report, actor: User) -> list[str]:
    """In which capacities this person may sign the report off now.

    Nobody signs a report that they asked for, nor in two capacities, nor where somebody has signed already.
    """
    if report.state != Report.State.FINISHED or not report.manifest_digest or report.requested_by_id == actor.id:
        return []
    taken = list(report.sign_offs.values_list("capacity", "signer_id"))
    if any(signer == actor.id for _, signer in taken):
        return []
    held = {Capacity.AUDITOR: Role.AUDITOR in actor.roles, Capacity.CHAIR: _chaired(report, actor)}
    return [str(capacity) for capacity, holds in held.items() if holds and capacity not in dict(taken)]


def _chaired(report: Report, actor: User) -> bool:
    """Whether the person chaired a board's review, signed off since, of a month of the period or of the next one."""
    after = (report.period_end.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    months = BoardReview.objects.filter(month__gte=report.period_start.replace(day=1), month__lte=after)
    return months.filter(chair=actor, state=BoardReview.State.SIGNED).exists()


def statement_for(*, report: Report, capacity: str, actor: User) -> str:
    """The statement that the person signs.

    Raises
    ------
    Forbidden
        If they may not sign this report off in that capacity.
    Conflict
        If they have no key to sign with.
    """
    _refuse(report, capacity, actor)
    return _statement(report, capacity, actor, timezone.now().isoformat(timespec="seconds"))


def report_sign_off(*, report: Report, capacity: str, signed: Signed, actor: User) -> ReportSignOff:
    """Record a person's signature over the files of a report.

    Raises
    ------
    Forbidden
        If they may not sign this report off in that capacity.
    Conflict
        If the signature is not theirs, too old, or under another statement.
    """
    _refuse(report, capacity, actor)
    try:
        told = read_statement(signed.statement)
        expected = _statement(report, capacity, actor, told["issued_at"])
        age = timezone.now() - dt.datetime.fromisoformat(told["issued_at"])
    except (StatementError, ValueError, TypeError) as error:
        raise Conflict(gettext("The statement cannot be used: %(error)s. Begin again.") % {"error": error}) from None
    if expected != signed.statement:
        raise Conflict("What was signed is not this report in this capacity. Begin again and sign the new statement.")
    if not -dt.timedelta(minutes=5) < age < GOOD_FOR:
        raise Conflict("The statement is more than an hour old. Begin again and sign the new one.")
    key = key_that_signed(list(live_keys(actor)), signed, context=REPORT_FORMAT.encode())
    with refusals_told(), governed(action="report.sign_off", actor=actor.id):
        return ReportSignOff.objects.create(
            report=report, capacity=capacity, signer=actor, institution=_institution(actor), key=key,
            statement=signed.statement, signature=signed.signature,
        )  # fmt: skip


def _refuse(report: Report, capacity: str, actor: User) -> None:
    if capacity not in capacities_of(report, actor):
        raise Forbidden(
            "A finished report is signed off once by an auditor, and once by the chair of a board whose review of that "
            "time is signed off; never by who asked for it, and by nobody twice."
        )
    if not live_keys(actor).exists():
        raise Conflict("A report is signed off with a key of your own. Register one under “Your keys” first.")


def _statement(report: Report, capacity: str, actor: User, issued_at: str) -> str:
    manifest: dict[str, Any] = read_manifest(report_file(report=report, kind="manifest"))
    content, institution = content_of(manifest), _institution(actor)
    return statement_text(
        form=REPORT_FORMAT, origin=settings.LOG_ORIGIN, report=str(report.id), name=manifest["name"], content=content,
        content_digest=digest_of(content), decision="sign_off", capacity=capacity,
        institution=institution.slug if institution else None, person=str(actor.id), issued_at=issued_at,
    )  # fmt: skip


def _institution(actor: User) -> Institution | None:
    """Whom the signer speaks for: an auditor of the platform for none."""
    return actor.institution
