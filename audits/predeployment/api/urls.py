from django.urls import path

from audits.predeployment.api import audit_work, board_work, external, policies, views

urlpatterns = [
    path("audits", views.AuditsView.as_view(), name="api_audits"),
    path("audits/<uuid:pk>", views.AuditView.as_view(), name="api_audit"),
    path("audits/<uuid:pk>/stop", audit_work.AuditStop.as_view(), name="api_audit_stop"),
    path("audits/<uuid:pk>/thresholds", audit_work.AuditThresholds.as_view(), name="api_audit_thresholds"),
    path("audits/<uuid:pk>/comparison", audit_work.AuditComparison.as_view(), name="api_audit_comparison"),
    path("audits/<uuid:pk>/report.<str:kind>", audit_work.AuditReport.as_view(), name="api_audit_report"),
    path("audits/<uuid:pk>/results/<slug:check_id>", audit_work.AuditResult.as_view(), name="api_audit_result"),
    path("versions/<uuid:version_id>/audit-estimates", audit_work.AuditEstimates.as_view(), name="api_audit_estimates"),
    path("external-audits", external.ExternalAudits.as_view(), name="api_external_audits"),
    path("external-audits/<uuid:pk>", external.ExternalDetail.as_view(), name="api_external_audit"),
    path("external-audits/<uuid:pk>/close", external.ExternalClose.as_view(), name="api_external_close"),
    path("external-audits/<uuid:pk>/revoke", external.ExternalRevoke.as_view(), name="api_external_revoke"),
    path(
        "external-audits/<uuid:pk>/findings/<uuid:finding_id>/file",
        external.ExternalFile.as_view(),
        name="api_external_file",
    ),
    path("external-audits/<uuid:pk>/data", board_work.ExternalDataUpload.as_view(), name="api_external_data"),
    path(
        "external-audits/<uuid:pk>/data/<uuid:data_id>/withdraw",
        board_work.ExternalDataWithdraw.as_view(),
        name="api_external_data_withdraw",
    ),
    path("external-audits/<uuid:pk>/runs", board_work.ExternalRuns.as_view(), name="api_external_runs"),
    path("external-audits/<uuid:pk>/findings", board_work.ExternalFindings.as_view(), name="api_external_findings"),
    path("audit-policies", policies.Policies.as_view(), name="api_policies"),
    path("audit-policies/<uuid:pk>", policies.PolicyDetail.as_view(), name="api_policy"),
    path("audit-policies/<uuid:pk>/decisions", policies.PolicyDecisions.as_view(), name="api_policy_decisions"),
    path("audit-policies/<uuid:pk>/withdraw", policies.PolicyWithdraw.as_view(), name="api_policy_withdraw"),
]
