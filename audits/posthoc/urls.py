from django.urls import path

from audits.posthoc import board_views, views, views_controls, views_risks

urlpatterns = [
    path("boards/", board_views.board_reviews, name="board_reviews"),
    path("boards/new/", board_views.board_convene, name="board_convene"),
    path("boards/<uuid:review_id>/", board_views.board_review, name="board_review"),
    path("boards/<uuid:review_id>/declare", board_views.board_declare, name="board_declare"),
    path("boards/<uuid:review_id>/findings", board_views.board_find, name="board_find"),
    path("boards/<uuid:review_id>/sign", board_views.board_sign, name="board_sign"),
    path("boards/findings/<uuid:finding_id>/follow", board_views.board_follow, name="board_follow"),
    path("reports/", views.reports, name="reports"),
    path("reports/new/", views.report_create, name="report_create"),
    path("reports/<uuid:report_id>/", views.report, name="report"),
    path("reports/<uuid:report_id>/progress", views.report_progress, name="report_progress"),
    path("reports/<uuid:report_id>/pdf", views.report_file, {"kind": "pdf"}, name="report_pdf"),
    path("reports/<uuid:report_id>/csv", views.report_file, {"kind": "csv"}, name="report_csv"),
    path("reports/<uuid:report_id>/evidence", views.report_evidence, name="report_evidence"),
    path("reports/<uuid:report_id>/reissue", views.report_reissue, name="report_reissue"),
    path("reports/<uuid:report_id>/json", views.report_file, {"kind": "json"}, name="report_json"),
    path("controls/", views_controls.controls, name="controls"),
    path("controls/evidence/<uuid:evidence_id>/file", views_controls.evidence_file, name="control_evidence_file"),
    path(
        "controls/evidence/<uuid:evidence_id>/withdraw", views_controls.evidence_withdraw,
        name="control_evidence_withdraw",
    ),
    path("controls/<slug:key>/", views_controls.framework, name="framework"),
    path("controls/<slug:key>/<slug:control>/", views_controls.control, name="control"),
    path("controls/<slug:key>/<slug:control>/evidence", views_controls.evidence_add, name="control_evidence_add"),
    path("risks/", views_risks.risks, name="risks"),
    path("risks/new/", views_risks.risk_new, name="risk_new"),
    path("risks/<uuid:risk_id>/", views_risks.risk, name="risk"),
    path("risks/<uuid:risk_id>/edit/", views_risks.risk_edit, name="risk_edit"),
]  # fmt: skip
