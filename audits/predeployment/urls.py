from django.urls import path

from audits.predeployment import policy_views, views

urlpatterns = [
    path("audits/", views.audit_list, name="audits"),
    path("audits/<uuid:audit_id>/", views.audit_detail, name="audit"),
    path("audits/<uuid:audit_id>/progress/", views.audit_progress, name="audit_progress"),
    path("audits/<uuid:audit_id>/stop/", views.audit_stop, name="audit_stop"),
    path("audits/<uuid:audit_id>/compare/", views.audit_compare, name="audit_compare"),
    path("audits/<uuid:audit_id>/results/<slug:check_id>.json", views.audit_result, name="audit_result"),
    path("versions/<uuid:version_id>/audits/new/", views.audit_new, name="audit_new"),
    path("versions/<uuid:version_id>/audits/", views.audit_start, name="audit_start"),
    path("audit-policies/", policy_views.policy_list, name="policies"),
    path("audit-policies/new/<slug:risk_class>/", policy_views.policy_new, name="policy_new"),
    path("audit-policies/<uuid:policy_id>/", policy_views.policy_detail, name="policy"),
    path("audit-policies/<uuid:policy_id>/content.json", policy_views.policy_content, name="policy_content"),
    path("audit-policies/<uuid:policy_id>/decide/", policy_views.policy_decide, name="policy_decide"),
    path("audit-policies/<uuid:policy_id>/withdraw/", policy_views.policy_withdraw, name="policy_withdraw"),
]
