from django.urls import path

from audits.predeployment.api import external, policies, views

urlpatterns = [
    path("audits", views.AuditsView.as_view(), name="api_audits"),
    path("audits/<uuid:pk>", views.AuditView.as_view(), name="api_audit"),
    path("external-audits", external.ExternalAudits.as_view(), name="api_external_audits"),
    path("external-audits/<uuid:pk>", external.ExternalDetail.as_view(), name="api_external_audit"),
    path("audit-policies", policies.Policies.as_view(), name="api_policies"),
    path("audit-policies/<uuid:pk>", policies.PolicyDetail.as_view(), name="api_policy"),
    path("audit-policies/<uuid:pk>/decisions", policies.PolicyDecisions.as_view(), name="api_policy_decisions"),
    path("audit-policies/<uuid:pk>/withdraw", policies.PolicyWithdraw.as_view(), name="api_policy_withdraw"),
]
