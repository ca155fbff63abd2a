from django.urls import path

from protection import views, views_assessments, views_breaches, views_requests, views_retention

urlpatterns = [
    path("protection/", views.protection, name="protection"),
    path("protection/record/", views.processing_record, name="processing_record"),
    path("protection/record/<slug:key>/", views.processing_note, name="processing_note"),
    path("protection/continuity/", views.continuity, name="continuity"),
    path("protection/assessments/", views_assessments.assessments, name="assessments"),
    path("protection/assessments/of/<uuid:model_id>", views_assessments.assessment_begin, name="assessment_begin"),
    path("protection/assessments/<uuid:assessment_id>/", views_assessments.assessment, name="assessment"),
    path(
        "protection/assessments/<uuid:assessment_id>/edit/", views_assessments.assessment_edit, name="assessment_edit"
    ),
    path("protection/assessments/<uuid:assessment_id>/sign", views_assessments.assessment_sign, name="assessment_sign"),
    path("protection/assessments/<uuid:assessment_id>/pdf", views_assessments.assessment_pdf, name="assessment_pdf"),
    path("protection/requests/", views_requests.subject_requests, name="subject_requests"),
    path("protection/requests/new/", views_requests.subject_request_new, name="subject_request_new"),
    path("protection/requests/<uuid:request_id>/", views_requests.subject_request, name="subject_request"),
    path("protection/requests/<uuid:request_id>/step", views_requests.subject_step, name="subject_step"),
    path("protection/requests/<uuid:request_id>/object", views_requests.subject_object, name="subject_object"),
    path("protection/requests/<uuid:request_id>/erase", views_requests.subject_erase, name="subject_erase"),
    path(
        "protection/requests/<uuid:request_id>/json", views_requests.subject_export, {"form": "json"},
        name="subject_json",
    ),
    path(
        "protection/requests/<uuid:request_id>/pdf", views_requests.subject_export, {"form": "pdf"}, name="subject_pdf"
    ),
    path("protection/breaches/", views_breaches.breaches, name="breaches"),
    path("protection/breaches/new/", views_breaches.breach_new, name="breach_new"),
    path("protection/breaches/<uuid:breach_id>/", views_breaches.breach, name="breach"),
    path("protection/breaches/<uuid:breach_id>/facts", views_breaches.breach_facts, name="breach_facts"),
    path("protection/breaches/<uuid:breach_id>/answer", views_breaches.breach_answer, name="breach_answer"),
    path("protection/breaches/<uuid:breach_id>/close", views_breaches.breach_close, name="breach_close"),
    path("protection/retention/", views_retention.retention, name="retention"),
    path("protection/retention/preview/", views_retention.retention_preview, name="retention_preview"),
    path("protection/retention/execute", views_retention.retention_execute, name="retention_execute"),
    path("protection/retention/hold", views_retention.hold_place, name="hold_place"),
    path("protection/retention/holds/<uuid:hold_id>/lift", views_retention.hold_lift, name="hold_lift"),
    path("protection/retention/<slug:key>/", views_retention.retention_rule, name="retention_rule"),
]  # fmt: skip
