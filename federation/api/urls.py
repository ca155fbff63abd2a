from django.urls import path

from federation.api import views, views_budget, views_comparison, views_consents, views_quantum

urlpatterns = [
    path("federations", views.Federations.as_view(), name="api_federations"),
    path("federations/<uuid:federation_id>", views.FederationDetail.as_view(), name="api_federation"),
    path("federations/<uuid:federation_id>/runs", views.FederationRuns.as_view(), name="api_federation_runs"),
    path(
        "federations/<uuid:federation_id>/agreements",
        views_consents.Agreements.as_view(),
        name="api_federation_agreements",
    ),
    path("federations/<uuid:federation_id>/budgets", views_budget.FederationBudgets.as_view(), name="api_budgets"),
    path("runs", views.Runs.as_view(), name="api_runs"),
    path("runs/compare", views_comparison.RunComparison.as_view(), name="api_run_compare"),
    path("runs/<uuid:run_id>", views.RunDetail.as_view(), name="api_run"),
    path("runs/<uuid:run_id>/consents", views_consents.RunConsents.as_view(), name="api_run_consents"),
    path("reconsiderations", views_consents.Reconsiderations.as_view(), name="api_reconsiderations"),
    path(
        "reconsiderations/<uuid:matter_id>/decision",
        views_consents.ReconsiderationDecision.as_view(),
        name="api_reconsideration_decision",
    ),
    path("runs/<uuid:run_id>/start", views.RunStart.as_view(), name="api_run_start"),
    path("runs/<uuid:run_id>/pause", views.RunPause.as_view(), name="api_run_pause"),
    path("runs/<uuid:run_id>/resume", views.RunResume.as_view(), name="api_run_resume"),
    path("runs/<uuid:run_id>/abort", views.RunAbort.as_view(), name="api_run_abort"),
    path("runs/<uuid:run_id>/events", views.RunEvents.as_view(), name="api_run_events"),
    path("quantum/devices", views_quantum.QuantumDevices.as_view(), name="api_quantum_devices"),
    path("quantum/estimates", views_quantum.QuantumEstimates.as_view(), name="api_quantum_estimates"),
    path("quantum/jobs", views_quantum.QuantumJobs.as_view(), name="api_quantum_jobs"),
    path("quantum/jobs/<uuid:job_id>", views_quantum.QuantumJobDetail.as_view(), name="api_quantum_job"),
    path("quantum/jobs/<uuid:job_id>/cancel", views_quantum.QuantumJobCancel.as_view(), name="api_quantum_job_cancel"),
    path("quantum/jobs/<uuid:job_id>/retry", views_quantum.QuantumJobRetry.as_view(), name="api_quantum_job_retry"),
    path("quantum/consents", views_quantum.QuantumConsents.as_view(), name="api_quantum_consents"),
]
