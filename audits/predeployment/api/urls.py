from django.urls import path

from audits.predeployment.api import views

urlpatterns = [
    path("audits", views.AuditsView.as_view(), name="api_audits"),
    path("audits/<uuid:pk>", views.AuditView.as_view(), name="api_audit"),
]
