from django.urls import path

from federation import views, views_quantum, views_sites

urlpatterns = [
    path("federations/", views.federations, name="federations"),
    path("federations/<uuid:federation_id>/", views.federation, name="federation"),
    path("federations/<uuid:federation_id>/runs/", views.run_propose, name="run_propose"),
    path("federations/<uuid:federation_id>/invitations/", views_sites.site_invite, name="site_invite"),
    path("invitations/<uuid:invitation_id>/withdraw/", views_sites.site_uninvite, name="site_uninvite"),
    path("runs/<uuid:run_id>/", views.run, name="run"),
    path("runs/<uuid:run_id>/live/", views.run_live, name="run_live"),
    path("runs/<uuid:run_id>/consent/", views.run_consent, name="run_consent"),
    path("runs/<uuid:run_id>/start/", views.run_start, name="run_start"),
    path("runs/<uuid:run_id>/pause/", views.run_pause, name="run_pause"),
    path("runs/<uuid:run_id>/resume/", views.run_resume, name="run_resume"),
    path("runs/<uuid:run_id>/abort/", views.run_abort, name="run_abort"),
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
