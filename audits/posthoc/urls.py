from django.urls import path

from audits.posthoc import views, views_controls, views_risks

urlpatterns = [
    path("reports/", views.reports, name="reports"),
    path("reports/new/", views.report_create, name="report_create"),
    path("reports/<uuid:report_id>/", views.report, name="report"),
    path("reports/<uuid:report_id>/progress", views.report_progress, name="report_progress"),
    path("reports/<uuid:report_id>/pdf", views.report_file, {"kind": "pdf"}, name="report_pdf"),
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
