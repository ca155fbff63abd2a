from django.urls import include, path

from audits.runtime import bulk_views, case_views, views

_CASE = "deployments/<uuid:deployment_id>/predictions/<uuid:batch_id>/<int:index>/"

urlpatterns = [
    path("", include("audits.runtime.urls_incidents")),
    path("deployments/", views.deployments, name="deployments"),
    path("deployments/<uuid:deployment_id>/", views.deployment, name="deployment"),
    path("deployments/<uuid:deployment_id>/live/", views.deployment_live, name="deployment_live"),
    path("deployments/<uuid:deployment_id>/halt/", views.deployment_halt, name="deployment_halt"),
    path("deployments/<uuid:deployment_id>/amber/", views.deployment_amber, name="deployment_amber"),
    path("deployments/<uuid:deployment_id>/reinstate/", views.deployment_reinstate, name="deployment_reinstate"),
    path("deployments/<uuid:deployment_id>/reinstate/withdraw/", views.vote_withdraw, name="vote_withdraw"),
    path("deployments/<uuid:deployment_id>/files/", bulk_views.bulk_predictions, name="bulk_predictions"),
    path("files/<uuid:bulk_id>/", bulk_views.bulk_prediction, name="bulk_prediction"),
    path("files/<uuid:bulk_id>/cancel/", bulk_views.bulk_prediction_cancel, name="bulk_prediction_cancel"),
    path(
        "files/<uuid:bulk_id>/answers.csv",
        bulk_views.bulk_prediction_answers,
        {"form": "csv"},
        name="bulk_prediction_csv",
    ),
    path(
        "files/<uuid:bulk_id>/answers.jsonl",
        bulk_views.bulk_prediction_answers,
        {"form": "jsonl"},
        name="bulk_prediction_jsonl",
    ),
    path("predictions/find/", case_views.prediction_find, name="prediction_find"),
    path(_CASE, case_views.prediction, name="prediction"),
    path(_CASE + "review/", case_views.prediction_review, name="prediction_review"),
    path(_CASE + "contest/", case_views.prediction_contest, name="prediction_contest"),
    path("appeals/", case_views.appeal_list, name="appeals"),
    path("appeals/<uuid:appeal_id>/", case_views.appeal, name="appeal"),
    path("appeals/<uuid:appeal_id>/take/", case_views.appeal_take, name="appeal_take"),
    path("appeals/<uuid:appeal_id>/decide/", case_views.appeal_decide, name="appeal_decide"),
    path("appeals/<uuid:appeal_id>/withdraw/", case_views.appeal_withdraw, name="appeal_withdraw"),
]
