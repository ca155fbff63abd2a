from django.urls import path

from federation import views, views_budget, views_consents, views_pages, views_quantum

urlpatterns = [
    path("federations/", views.federations, name="federations"),
    path("federations/<uuid:federation_id>/", views.federation, name="federation"),
    path("federations/<uuid:federation_id>/runs/", views.run_propose, name="run_propose"),
    path("federations/<uuid:federation_id>/agreements/", views.agreement_record, name="agreement_record"),
    path("federations/<uuid:federation_id>/budget/", views_budget.budget_set, name="budget_set"),
    path("runs/<uuid:run_id>/", views.run, name="run"),
    path("runs/<uuid:run_id>/live/", views.run_live, name="run_live"),
    path("runs/<uuid:run_id>/terms/", views_consents.run_terms, name="run_terms"),
    path("runs/<uuid:run_id>/consent/", views_consents.run_consent, name="run_consent"),
    path(
        "reconsiderations/<uuid:matter_id>/decide/",
        views_consents.reconsideration_decide,
        name="reconsideration_decide",
    ),
    path("runs/<uuid:run_id>/start/", views.run_start, name="run_start"),
    path("runs/<uuid:run_id>/pause/", views.run_pause, name="run_pause"),
    path("runs/<uuid:run_id>/resume/", views.run_resume, name="run_resume"),
    path("runs/<uuid:run_id>/abort/", views.run_abort, name="run_abort"),
    path("federations/<uuid:federation_id>/map/", views_pages.federation_map_page, name="federation_map"),
    path("federations/<uuid:federation_id>/traffic/", views_pages.federation_traffic, name="federation_traffic"),
    path(
        "federations/<uuid:federation_id>/differences/",
        views_pages.federation_differences,
        name="federation_differences",
    ),
    path("federations/<uuid:federation_id>/keys/", views_pages.federation_keys, name="federation_keys"),
    path("federations/<uuid:federation_id>/keys/check/", views_pages.qkd_check, name="qkd_check"),
    path("federations/<uuid:federation_id>/keys/rehearsal/", views_pages.qkd_rehearsal, name="qkd_rehearsal"),
    path("runs/<uuid:run_id>/influence/", views_pages.influence_study, name="influence_study"),
    path("quantum/", views_quantum.quantum, name="quantum"),
    path("quantum/limits/", views_quantum.quantum_limit, name="quantum_limit"),
    path("quantum/jobs/", views_quantum.quantum_jobs, name="quantum_jobs"),
    path("quantum/jobs/<uuid:job_id>/", views_quantum.quantum_job, name="quantum_job"),
    path("quantum/jobs/<uuid:job_id>/cancel/", views_quantum.quantum_cancel, name="quantum_cancel"),
    path("quantum/jobs/<uuid:job_id>/retry/", views_quantum.quantum_retry, name="quantum_retry"),
    path("quantum/order/", views_quantum.quantum_order, name="quantum_order"),
    path("quantum/consents/", views_quantum.quantum_consents, name="quantum_consents"),
    path("quantum/consents/answer/", views_quantum.quantum_consent, name="quantum_consent"),
]
