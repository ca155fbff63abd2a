"""The only routes of the ASGI process (QFL_ROOT_URLCONF)."""

from django.urls import path

from qflethics.live import views

urlpatterns = [
    path("live/run/<uuid:run_id>/", views.run, name="live_run"),
    path("live/deployment/<uuid:deployment_id>/", views.deployment, name="live_deployment"),
    path("live/home/", views.home, name="live_home"),
]
