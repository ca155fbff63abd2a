from django.urls import path

from audits.posthoc.api import controls, views

urlpatterns = [
    path("board-reviews", views.BoardReviews.as_view(), name="api_board_reviews"),
    path("board-reviews/<uuid:review_id>", views.BoardReviewDetail.as_view(), name="api_board_review"),
    path("reports", views.Reports.as_view(), name="api_reports"),
    path("reports/<uuid:report_id>", views.ReportDetail.as_view(), name="api_report"),
    path("reports/<uuid:report_id>/pdf", views.ReportPdf.as_view(), name="api_report_pdf"),
    path("reports/<uuid:report_id>/csv", views.ReportCsv.as_view(), name="api_report_csv"),
    path("reports/<uuid:report_id>/json", views.ReportJson.as_view(), name="api_report_json"),
    path("reports/<uuid:report_id>/html", views.ReportHtml.as_view(), name="api_report_html"),
    path("reports/<uuid:report_id>/xlsx", views.ReportXlsx.as_view(), name="api_report_xlsx"),
    path("reports/<uuid:report_id>/package", views.ReportPackage.as_view(), name="api_report_package"),
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
