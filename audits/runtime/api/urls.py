from django.urls import path

from audits.runtime.api import batches, views

urlpatterns = [
    path("deployments/<uuid:deployment_id>/predictions", views.PredictionsView.as_view(), name="api_predictions"),
    path(
        "deployments/<uuid:deployment_id>/predictions/<path:event_key>/proof",
        views.PredictionProofView.as_view(),
        name="api_prediction_proof",
    ),
    path("deployments/<uuid:deployment_id>/events", batches.EventsView.as_view(), name="api_events"),
    path("deployments/<uuid:deployment_id>/outcomes", batches.OutcomesView.as_view(), name="api_outcomes"),
    path(
        "deployments/<uuid:deployment_id>/outcomes/<path:event_key>", batches.OutcomeView.as_view(), name="api_outcome"
    ),
    path("deployments/<uuid:deployment_id>/monitor", views.MonitorView.as_view(), name="api_monitor"),
    path("deployments/<uuid:deployment_id>/halt", views.HaltView.as_view(), name="api_halt"),
    path("deployments/<uuid:deployment_id>/halts", views.HaltsView.as_view(), name="api_halts"),
    path(
        "deployments/<uuid:deployment_id>/reinstatements", views.ReinstatementsView.as_view(), name="api_reinstatements"
    ),
]
