"""What this app has on record, for the control mapping: announced to `audits.posthoc.evidence` when the app starts."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, F, Max, Q
from django.utils import timezone

from audits.posthoc.evidence.base import Counted, Records, counted, provides
from models_registry.models import Model
from protection.domain.schedule import schedule
from protection.domain.texts import activities, note_fields
from protection.models import (
    Backup,
    Breach,
    ImpactAssessment,
    ProcessingNote,
    RestoreDrill,
    RetentionExecution,
    SubjectRequest,
)


@provides("processing_record", "processing_record")
def _processing_record(_records: Records) -> Counted:
    """Fields that people completed, of the platform's own record."""
    newest = {note.activity: note for note in ProcessingNote.objects.filter(institution=None).order_by("revision")}
    of = len(activities()) * len(note_fields())
    done = sum(1 for note in newest.values() for text in note.content.values() if text)
    at = max((note.created_at for note in newest.values()), default=None)
    return Counted(done, of, at, f"{done} of {of} fields of the record of processing are completed by people.")


@provides("impact_assessments", "assessments")
def _impact_assessments(_records: Records) -> Counted:
    today = timezone.now().date()
    rows = ImpactAssessment.objects.filter(state=ImpactAssessment.State.SIGNED, review_on__gte=today)
    sentence = "{n} of {of} models have a signed impact assessment that is not due for review."
    return counted(rows, Model.objects.count(), sentence, at="signed_at", per="model")


@provides("subject_requests", "subject_requests")
def _subject_requests(_records: Records) -> Counted:
    late = Q(ended_at__date__gt=F("due_on")) | Q(ended_at__isnull=True, due_on__lt=timezone.now().date())
    told = SubjectRequest.objects.aggregate(n=Count("pk"), late=Count("pk", filter=late), newest=Max("created_at"))
    sentence = f"{told['n']} requests of patients, {told['late']} of them answered late or overdue."
    return Counted(told["n"] - told["late"], told["n"], told["newest"], sentence)


@provides("breaches", "breaches")
def _breaches(_records: Records) -> Counted:
    told = Breach.objects.aggregate(
        n=Count("pk"), closed=Count("pk", filter=Q(closed_at__isnull=False)), newest=Max("created_at")
    )
    sentence = f"{told['closed']} of {told['n']} breaches are closed, with every duty answered."
    return Counted(told["closed"], told["n"], told["newest"], sentence)


@provides("retention_runs", "retention")
def _retention_runs(_records: Records) -> Counted:
    """Classes that the schedule was carried out for within two days."""
    of = sum(record.is_carried_out for record in schedule())
    rows = RetentionExecution.objects.filter(error="", created_at__gt=timezone.now() - timedelta(days=2))
    sentence = "The retention schedule was carried out for {n} of {of} classes within two days."
    return counted(rows, of, sentence, per="record_class")


@provides("backups", "continuity")
def _backups(_records: Records) -> Counted:
    newest = Backup.objects.aggregate(newest=Max("taken_at"))["newest"]
    hours = settings.CONTINUITY_LOST_HOURS
    fresh = newest is not None and newest > timezone.now() - timedelta(hours=hours)
    sentence = f"A backup was made within {hours:g} hours." if fresh else f"No backup was made within {hours:g} hours."
    return Counted(int(fresh), 1, newest, sentence)


@provides("restore_drills", "continuity")
def _restore_drills(_records: Records) -> Counted:
    since = timezone.now() - timedelta(days=settings.CONTINUITY_DRILL_DAYS)
    passed = RestoreDrill.objects.filter(outcome=RestoreDrill.Outcome.PASSED)
    newest = passed.aggregate(newest=Max("created_at"))["newest"]
    held = newest is not None and newest > since
    verb = "was" if held else "was not"
    sentence = f"A backup {verb} restored and checked within {settings.CONTINUITY_DRILL_DAYS} days."
    return Counted(int(held), 1, newest, sentence)
