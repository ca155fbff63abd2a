from django.urls import path

from audits.posthoc.api import boards, controls, risks, samples, signing, views

_REVIEW = "board-reviews/<uuid:review_id>"
_SAMPLE = "samples/<uuid:sample_id>"
_REPORT = "reports/<uuid:report_id>"
_EVIDENCE = "controls/evidence/<uuid:evidence_id>"
_CONTROL = "controls/<slug:key>/<slug:control>"

urlpatterns = [
    path("board-reviews", boards.BoardReviews.as_view(), name="api_board_reviews"),
    path(_REVIEW, boards.BoardReviewDetail.as_view(), name="api_board_review"),
    path(f"{_REVIEW}/declarations", boards.BoardDeclaration.as_view(), name="api_board_declare"),
    path(f"{_REVIEW}/findings", boards.BoardFindings.as_view(), name="api_board_find"),
    path(f"{_REVIEW}/signature", boards.BoardSignature.as_view(), name="api_board_sign"),
    path("board-findings/<uuid:finding_id>/steps", boards.BoardFollowUp.as_view(), name="api_board_follow"),
    path("reports", views.Reports.as_view(), name="api_reports"),
    path("reports/schema", signing.ReportSchema.as_view(), name="api_report_schema"),
    path("reports/keys", signing.ReportKeys.as_view(), name="api_report_keys"),
    path(_REPORT, views.ReportDetail.as_view(), name="api_report"),
    path(f"{_REPORT}/pdf", views.ReportPdf.as_view(), name="api_report_pdf"),
    path(f"{_REPORT}/csv", views.ReportCsv.as_view(), name="api_report_csv"),
    path(f"{_REPORT}/json", views.ReportJson.as_view(), name="api_report_json"),
    path(f"{_REPORT}/html", views.ReportHtml.as_view(), name="api_report_html"),
    path(f"{_REPORT}/xlsx", views.ReportXlsx.as_view(), name="api_report_xlsx"),
    path(f"{_REPORT}/package", views.ReportPackage.as_view(), name="api_report_package"),
    path(f"{_REPORT}/evidence", views.ReportEvidence.as_view(), name="api_report_evidence"),
    path(f"{_REPORT}/issues", views.ReportReissue.as_view(), name="api_report_reissue"),
    path(f"{_REPORT}/statements", signing.ReportStatements.as_view(), name="api_report_statements"),
    path(f"{_REPORT}/sign-offs", signing.ReportSignOffs.as_view(), name="api_report_sign"),
    path("samples", samples.Samples.as_view(), name="api_samples"),
    path(_SAMPLE, samples.SampleDetail.as_view(), name="api_sample"),
    path(f"{_SAMPLE}/items", samples.SampleItems.as_view(), name="api_sample_items"),
    path(f"{_SAMPLE}/close", samples.SampleClosing.as_view(), name="api_sample_close"),
    path("samples/items/<uuid:item_id>/finding", samples.SampleFinding.as_view(), name="api_sample_find"),
    path("samples/items/<uuid:item_id>/file", samples.SampleFile.as_view(), name="api_sample_file"),
    path("controls", controls.Frameworks.as_view(), name="api_controls"),
    path(f"{_EVIDENCE}/file", controls.EvidenceFile.as_view(), name="api_control_evidence_file"),
    path(f"{_EVIDENCE}/withdraw", controls.EvidenceWithdrawal.as_view(), name="api_control_evidence_withdraw"),
    path("controls/<slug:key>", controls.FrameworkDetail.as_view(), name="api_framework"),
    path(_CONTROL, controls.ControlDetail.as_view(), name="api_control"),
    path(f"{_CONTROL}/evidence", controls.ControlEvidence.as_view(), name="api_control_evidence"),
    path("risks", risks.Risks.as_view(), name="api_risks"),
    path("risks/suggestions", risks.RiskSuggestions.as_view(), name="api_risk_suggestions"),
    path("risks/<uuid:risk_id>", risks.RiskDetail.as_view(), name="api_risk"),
]
