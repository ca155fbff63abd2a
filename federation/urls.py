from django.urls import path

from federation import views

urlpatterns = [
    path("federations/", views.federations, name="federations"),
    path("federations/<uuid:federation_id>/", views.federation, name="federation"),
    path("federations/<uuid:federation_id>/runs/", views.run_propose, name="run_propose"),
    path("runs/<uuid:run_id>/", views.run, name="run"),
    path("runs/<uuid:run_id>/live/", views.run_live, name="run_live"),
    path("runs/<uuid:run_id>/consent/", views.run_consent, name="run_consent"),
    path("runs/<uuid:run_id>/start/", views.run_start, name="run_start"),
    path("runs/<uuid:run_id>/pause/", views.run_pause, name="run_pause"),
    path("runs/<uuid:run_id>/resume/", views.run_resume, name="run_resume"),
    path("runs/<uuid:run_id>/abort/", views.run_abort, name="run_abort"),
]
