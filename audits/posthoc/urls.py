from django.urls import path

from audits.posthoc import views

urlpatterns = [
    path("reports/", views.reports, name="reports"),
    path("reports/new/", views.report_create, name="report_create"),
    path("reports/<uuid:report_id>/", views.report, name="report"),
    path("reports/<uuid:report_id>/progress", views.report_progress, name="report_progress"),
    path("reports/<uuid:report_id>/pdf", views.report_file, {"kind": "pdf"}, name="report_pdf"),
    path("reports/<uuid:report_id>/csv", views.report_file, {"kind": "csv"}, name="report_csv"),
    path("reports/<uuid:report_id>/evidence", views.report_evidence, name="report_evidence"),
    path("reports/<uuid:report_id>/reissue", views.report_reissue, name="report_reissue"),
    path("reports/<uuid:report_id>/json", views.report_file, {"kind": "json"}, name="report_json"),
]
