from django.urls import path

from audits.predeployment import policy_views, views
from audits.predeployment.external import views as external

_EXTERNAL = "external-audits/<uuid:external_id>/"

urlpatterns = [
    path("audits/", views.audit_list, name="audits"),
    path("audits/<uuid:audit_id>/", views.audit_detail, name="audit"),
    path("audits/<uuid:audit_id>/progress/", views.audit_progress, name="audit_progress"),
    path("audits/<uuid:audit_id>/stop/", views.audit_stop, name="audit_stop"),
    path("audits/<uuid:audit_id>/thresholds/", views.thresholds_record, name="thresholds_record"),
    path("audits/<uuid:audit_id>/compare/", views.audit_compare, name="audit_compare"),
    path("audits/<uuid:audit_id>/report.pdf", views.audit_report, {"kind": "pdf"}, name="audit_report_pdf"),
    path("audits/<uuid:audit_id>/report.json", views.audit_report, {"kind": "json"}, name="audit_report_json"),
    path("audits/<uuid:audit_id>/results/<slug:check_id>.json", views.audit_result, name="audit_result"),
    path("versions/<uuid:version_id>/audits/new/", views.audit_new, name="audit_new"),
    path("versions/<uuid:version_id>/audits/", views.audit_start, name="audit_start"),
    path("audit-policies/", policy_views.policy_list, name="policies"),
    path("audit-policies/new/<slug:risk_class>/", policy_views.policy_new, name="policy_new"),
    path("audit-policies/<uuid:policy_id>/", policy_views.policy_detail, name="policy"),
    path("audit-policies/<uuid:policy_id>/content.json", policy_views.policy_content, name="policy_content"),
    path("audit-policies/<uuid:policy_id>/decide/", policy_views.policy_decide, name="policy_decide"),
    path("audit-policies/<uuid:policy_id>/withdraw/", policy_views.policy_withdraw, name="policy_withdraw"),
    path("external-audits/", external.external_list, name="external_audits"),
    path(_EXTERNAL, external.external_detail, name="external_audit"),
    path("versions/<uuid:version_id>/external-audits/new/", external.external_new, name="external_new"),
    path(_EXTERNAL + "data/", external.external_upload, name="external_upload"),
    path(
        "external-audits/<uuid:external_id>/data/<uuid:data_id>/withdraw/",
        external.external_data_withdraw,
        name="external_data_withdraw",
    ),
    path(_EXTERNAL + "runs/", external.external_run, name="external_run"),
    path(_EXTERNAL + "findings/", external.external_finding, name="external_finding"),
    path(
        "external-audits/<uuid:external_id>/findings/<uuid:finding_id>/file/",
        external.external_file,
        name="external_file",
    ),
    path(_EXTERNAL + "close/", external.external_close, name="external_close"),
    path(_EXTERNAL + "revoke/", external.external_revoke, name="external_revoke"),
]
