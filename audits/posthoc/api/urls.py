from django.urls import path

from audits.posthoc.api import controls, views

urlpatterns = [
    path("reports", views.Reports.as_view(), name="api_reports"),
    path("reports/<uuid:report_id>", views.ReportDetail.as_view(), name="api_report"),
    path("reports/<uuid:report_id>/pdf", views.ReportPdf.as_view(), name="api_report_pdf"),
    path("reports/<uuid:report_id>/json", views.ReportJson.as_view(), name="api_report_json"),
    path("controls", controls.Frameworks.as_view(), name="api_controls"),
    path("controls/<slug:key>", controls.FrameworkDetail.as_view(), name="api_framework"),
    path(
        "controls/<slug:key>/<slug:control>/evidence", controls.ControlEvidence.as_view(), name="api_control_evidence"
    ),
    path(
        "controls/evidence/<uuid:evidence_id>/withdraw", controls.EvidenceWithdrawal.as_view(),
        name="api_control_evidence_withdraw",
    ),
    path("risks", controls.Risks.as_view(), name="api_risks"),
]  # fmt: skip
