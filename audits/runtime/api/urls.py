from django.urls import include, path

from audits.runtime.api import amber, views

urlpatterns = [
    path("", include("audits.runtime.api.incident_urls")),
    path("deployments/<uuid:deployment_id>/predictions", views.PredictionsView.as_view(), name="api_predictions"),
    path(
        "deployments/<uuid:deployment_id>/predictions/<path:event_key>/proof",
        views.PredictionProofView.as_view(),
        name="api_prediction_proof",
    ),
    path("deployments/<uuid:deployment_id>/outcomes", views.OutcomesView.as_view(), name="api_outcomes"),
    path("deployments/<uuid:deployment_id>/monitor", views.MonitorView.as_view(), name="api_monitor"),
    path("deployments/<uuid:deployment_id>/amber", amber.AmberView.as_view(), name="api_amber"),
    path("deployments/<uuid:deployment_id>/halt", views.HaltView.as_view(), name="api_halt"),
    path("deployments/<uuid:deployment_id>/halts", views.HaltsView.as_view(), name="api_halts"),
    path(
        "deployments/<uuid:deployment_id>/reinstatements", views.ReinstatementsView.as_view(), name="api_reinstatements"
    ),
]
