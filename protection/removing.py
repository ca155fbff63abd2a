"""What carries the schedule out: for each class, which rows and files are due, and how they go.

Each is asked with `dry=True` for the preview, and then counts the same rows that it would remove.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import SignedIn
from audits.predeployment.models import ExternalAudit, ExternalData
from audits.runtime import retention as months
from audits.runtime.models import BulkPrediction, LookBackCase, Notice
from core import artefacts
from core.models import IdempotencyKey
from protection.models import SubjectRequest

Counts = dict[str, int]
Remover = Callable[[datetime, bool], Counts]
REMOVERS: dict[str, Remover] = {}
SIGN_INS = (AccessLog, AccessFailureLog, AccessAttempt)


def removes(key: str) -> Callable[[Remover], Remover]:
    def keep(remover: Remover) -> Remover:
        REMOVERS[key] = remover
        return remover

    return keep


@removes("predictions")
def _predictions(_before: datetime, dry: bool) -> Counts:
    """By the month, each deployment's own period: `audits.runtime.retention` decides and enters each month."""
    if dry:
        return {"months": sum(not month.kept_by for month in months.months_due())}
    gone = months.months_retire()
    return {
        "months": len(gone), "predictions": sum(m.predictions for m in gone), "outcomes": sum(m.outcomes for m in gone)
    }  # fmt: skip


@removes("bulk_files")
def _bulk_files(before: datetime, dry: bool) -> Counts:
    rows = BulkPrediction.objects.exclude(state__in=BulkPrediction.OPEN).filter(finished_at__lt=before)
    found = [
        digest for pair in rows.values_list("digest", "results") for digest in pair if digest and _is_there(digest)
    ]
    if not dry:
        rows.exclude(results="").update(results="")  # not followed by the ledger: it is no decision
        _remove_files(found)
    return {"files": len(found)}


@removes("external_data")
def _external_data(before: datetime, dry: bool) -> Counts:
    ended = Q(external__closed_at__lt=before) | Q(
        external__closed_at__isnull=True, external__expires_at__lt=before, external__state=ExternalAudit.State.EXPIRED
    )
    rows = ExternalData.objects.filter(ended).exclude(state=ExternalData.State.WITHDRAWN)
    found = list(rows.values_list("id", "stored"))
    if not dry:
        rows.update(state=ExternalData.State.WITHDRAWN, withdrawn_at=timezone.now())
        _remove_files([stored for _, stored in found])
    return {"data sets": len(found)}


@removes("look_backs")
def _look_backs(before: datetime, dry: bool) -> Counts:
    return {"cases": _gone(LookBackCase.objects.filter(look_back__incident__closed_at__lt=before), dry)}


@removes("notices")
def _notices(before: datetime, dry: bool) -> Counts:
    told = Q(state=Notice.State.SENT, sent_at__lt=before) | Q(state=Notice.State.DEAD, created_at__lt=before)
    return {"notices": _gone(Notice.objects.filter(told), dry)}


@removes("mail_files")
def _mail_files(before: datetime, dry: bool) -> Counts:
    folder = Path(settings.EMAIL_FILE_PATH)
    old = [path for path in folder.glob("*") if path.is_file() and path.stat().st_mtime < before.timestamp()]
    for path in [] if dry else old:
        path.unlink(missing_ok=True)
    return {"files": len(old)}


@removes("sessions")
def _sessions(before: datetime, dry: bool) -> Counts:
    ended = _gone(Session.objects.filter(expire_date__lt=before), dry)
    alive = Session.objects.values("session_key")
    devices = SignedIn.objects.filter(seen_at__lt=before).exclude(session_key__in=alive)
    return {"sessions": ended, "devices": _gone(devices, dry)}


@removes("sign_in_details")
def _sign_in_details(before: datetime, dry: bool) -> Counts:
    count = 0
    for model in SIGN_INS:
        known = ~Q(user_agent="") | Q(ip_address__isnull=False)
        rows = model.objects.filter(known, attempt_time__lt=before)
        blank: dict[str, Any] = {"user_agent": "", "ip_address": None}
        count += rows.count() if dry else rows.update(**blank)
    return {"sign-ins": count}


@removes("sign_ins")
def _sign_ins(before: datetime, dry: bool) -> Counts:
    return {"sign-ins": sum(_gone(model.objects.filter(attempt_time__lt=before), dry) for model in SIGN_INS)}


@removes("kept_answers")
def _kept_answers(before: datetime, dry: bool) -> Counts:
    return {"answers": _gone(IdempotencyKey.objects.filter(created_at__lt=before), dry)}


@removes("request_numbers")
def _request_numbers(before: datetime, dry: bool) -> Counts:
    kept = Q(kind=SubjectRequest.Kind.RESTRICTION, state=SubjectRequest.State.FULFILLED)
    rows = SubjectRequest.objects.filter(ended_at__lt=before).exclude(kept).exclude(patient__isnull=True)
    return {"numbers": rows.count() if dry else rows.update(patient=None, pseudonyms=[])}


def _gone(rows: QuerySet, dry: bool) -> int:
    if dry:
        return rows.count()
    own = rows.model._meta.label
    return rows.delete()[1].get(own, 0)


def _is_there(digest: str) -> bool:
    return artefacts.size(digest) is not None


def _remove_files(digests: list[str]) -> None:
    """After the commit: a file that is gone cannot be brought back by undoing the transaction."""

    def remove() -> None:
        for digest in digests:
            artefacts.remove(digest)

    transaction.on_commit(remove)
