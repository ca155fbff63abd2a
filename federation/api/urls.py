from django.urls import path

from federation.api import views

urlpatterns = [
    path("federations", views.Federations.as_view(), name="api_federations"),
    path("federations/<uuid:federation_id>", views.FederationDetail.as_view(), name="api_federation"),
    path("federations/<uuid:federation_id>/runs", views.FederationRuns.as_view(), name="api_federation_runs"),
    path("runs", views.Runs.as_view(), name="api_runs"),
    path("runs/<uuid:run_id>", views.RunDetail.as_view(), name="api_run"),
    path("runs/<uuid:run_id>/consents", views.RunConsents.as_view(), name="api_run_consents"),
    path("runs/<uuid:run_id>/start", views.RunStart.as_view(), name="api_run_start"),
    path("runs/<uuid:run_id>/pause", views.RunPause.as_view(), name="api_run_pause"),
    path("runs/<uuid:run_id>/resume", views.RunResume.as_view(), name="api_run_resume"),
    path("runs/<uuid:run_id>/abort", views.RunAbort.as_view(), name="api_run_abort"),
    path("runs/<uuid:run_id>/events", views.RunEvents.as_view(), name="api_run_events"),
]
