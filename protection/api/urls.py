from django.urls import path

from protection.api import assessments, breaches, overview, retention, subjects

_ASSESSMENT = "protection/assessments/<uuid:assessment_id>"
_REQUEST = "protection/requests/<uuid:request_id>"
_BREACH = "protection/breaches/<uuid:breach_id>"

urlpatterns = [
    path("protection", overview.Overview.as_view(), name="api_protection"),
    path("protection/record", overview.ProcessingRecord.as_view(), name="api_processing_record"),
    path("protection/record/<slug:key>", overview.ProcessingActivity.as_view(), name="api_processing_activity"),
    path("protection/continuity", overview.Continuity.as_view(), name="api_continuity"),
    path("protection/drills", overview.Drills.as_view(), name="api_drills"),
    path("protection/backups", overview.Backups.as_view(), name="api_backups"),
    path("protection/assessments", assessments.Assessments.as_view(), name="api_assessments"),
    path(_ASSESSMENT, assessments.AssessmentDetail.as_view(), name="api_assessment"),
    path(f"{_ASSESSMENT}/signature", assessments.AssessmentSignature.as_view(), name="api_assessment_sign"),
    path(f"{_ASSESSMENT}/pdf", assessments.AssessmentPdf.as_view(), name="api_assessment_pdf"),
    path("protection/requests", subjects.SubjectRequests.as_view(), name="api_subject_requests"),
    path(_REQUEST, subjects.SubjectRequestDetail.as_view(), name="api_subject_request"),
    path(f"{_REQUEST}/steps", subjects.SubjectSteps.as_view(), name="api_subject_step"),
    path(f"{_REQUEST}/objection", subjects.SubjectObjection.as_view(), name="api_subject_object"),
    path(f"{_REQUEST}/erasure", subjects.SubjectErasure.as_view(), name="api_subject_erase"),
    path(f"{_REQUEST}/json", subjects.SubjectJson.as_view(), name="api_subject_json"),
    path(f"{_REQUEST}/pdf", subjects.SubjectPdf.as_view(), name="api_subject_pdf"),
    path("protection/breaches", breaches.Breaches.as_view(), name="api_breaches"),
    path(_BREACH, breaches.BreachDetail.as_view(), name="api_breach"),
    path(f"{_BREACH}/answers", breaches.BreachAnswers.as_view(), name="api_breach_answer"),
    path(f"{_BREACH}/close", breaches.BreachClosing.as_view(), name="api_breach_close"),
    path("protection/retention", retention.Schedule.as_view(), name="api_retention"),
    path("protection/retention/due", retention.Preview.as_view(), name="api_retention_preview"),
    path("protection/retention/executions", retention.Executions.as_view(), name="api_retention_executions"),
    path("protection/retention/<slug:key>/rules", retention.Rules.as_view(), name="api_retention_rule"),
    path("protection/holds", retention.Holds.as_view(), name="api_holds"),
    path("protection/holds/<uuid:hold_id>/lift", retention.HoldLifting.as_view(), name="api_hold_lift"),
]
