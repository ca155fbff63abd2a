from django.urls import include, path

from audits.runtime import views

urlpatterns = [
    path("", include("audits.runtime.urls_incidents")),
    path("deployments/", views.deployments, name="deployments"),
    path("deployments/<uuid:deployment_id>/", views.deployment, name="deployment"),
    path("deployments/<uuid:deployment_id>/live/", views.deployment_live, name="deployment_live"),
    path("deployments/<uuid:deployment_id>/halt/", views.deployment_halt, name="deployment_halt"),
    path("deployments/<uuid:deployment_id>/amber/", views.deployment_amber, name="deployment_amber"),
    path("deployments/<uuid:deployment_id>/reinstate/", views.deployment_reinstate, name="deployment_reinstate"),
]
