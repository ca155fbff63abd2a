from django.urls import path

from federation.api import (
    views,
    views_budget,
    views_comparison,
    views_consents,
    views_pages,
    views_quantum,
    views_runs,
)

_FEDERATION = "federations/<uuid:federation_id>"

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
    path(f"{_FEDERATION}/map", views_pages.FederationMap.as_view(), name="api_federation_map"),
    path(f"{_FEDERATION}/differences", views_pages.FederationDifferences.as_view(), name="api_federation_differences"),
    path(f"{_FEDERATION}/qkd-links", views_pages.QkdLinks.as_view(), name="api_qkd_links"),
    path(f"{_FEDERATION}/qkd-rehearsals", views_pages.QkdRehearsals.as_view(), name="api_qkd_rehearsals"),
    path(f"{_FEDERATION}/invitations", views_pages.Invitations.as_view(), name="api_invitations"),
    path(
        "invitations/<uuid:invitation_id>/withdraw",
        views_pages.InvitationWithdraw.as_view(),
        name="api_invitation_withdraw",
    ),
    path("runs", views.Runs.as_view(), name="api_runs"),
    path("runs/compare", views_comparison.RunComparison.as_view(), name="api_run_compare"),
    path("runs/compare.csv", views_comparison.RunComparisonTable.as_view(), name="api_run_compare_csv"),
    path("runs/<uuid:run_id>/terms", views_runs.RunTerms.as_view(), name="api_run_terms"),
    path("runs/<uuid:run_id>/overlays", views_runs.RunOverlays.as_view(), name="api_run_overlays"),
    path("runs/<uuid:run_id>/traffic", views_pages.RunTraffic.as_view(), name="api_run_traffic"),
    path("runs/<uuid:run_id>/influence-studies", views_pages.InfluenceStudies.as_view(), name="api_influence_studies"),
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
    path("quantum/limits", views_quantum.QuantumLimits.as_view(), name="api_quantum_limits"),
    path("quantum/estimates", views_quantum.QuantumEstimates.as_view(), name="api_quantum_estimates"),
    path("quantum/jobs", views_quantum.QuantumJobs.as_view(), name="api_quantum_jobs"),
    path("quantum/jobs/<uuid:job_id>", views_quantum.QuantumJobDetail.as_view(), name="api_quantum_job"),
    path("quantum/jobs/<uuid:job_id>/cancel", views_quantum.QuantumJobCancel.as_view(), name="api_quantum_job_cancel"),
    path("quantum/jobs/<uuid:job_id>/retry", views_quantum.QuantumJobRetry.as_view(), name="api_quantum_job_retry"),
    path("quantum/consents", views_quantum.QuantumConsents.as_view(), name="api_quantum_consents"),
]
