from django.urls import path

from audits.predeployment.api import board_work, external, policies, views

urlpatterns = [
    path("audits", views.AuditsView.as_view(), name="api_audits"),
    path("audits/<uuid:pk>", views.AuditView.as_view(), name="api_audit"),
    path("external-audits", external.ExternalAudits.as_view(), name="api_external_audits"),
    path("external-audits/<uuid:pk>", external.ExternalDetail.as_view(), name="api_external_audit"),
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
