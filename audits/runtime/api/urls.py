from django.urls import include, path

from audits.runtime.api import amber, appeals, batches, bulk, cases, reviews, views

urlpatterns = [
    path("deployments/<uuid:deployment_id>/events", batches.EventsView.as_view(), name="api_events"),
    path("deployments/<uuid:deployment_id>/outcomes", batches.OutcomesView.as_view(), name="api_outcomes"),
    path("deployments/<uuid:deployment_id>/predictions", views.PredictionsView.as_view(), name="api_predictions"),
    path("", include("audits.runtime.api.incident_urls")),
    path(
        "deployments/<uuid:deployment_id>/predictions/<path:event_key>/proof",
        views.PredictionProofView.as_view(),
        name="api_prediction_proof",
    ),
    path(
        "deployments/<uuid:deployment_id>/outcomes/<path:event_key>", batches.OutcomeView.as_view(), name="api_outcome"
    ),
    path("deployments/<uuid:deployment_id>/monitor", views.MonitorView.as_view(), name="api_monitor"),
    path("deployments/<uuid:deployment_id>/amber", amber.AmberView.as_view(), name="api_amber"),
    path("deployments/<uuid:deployment_id>/halt", views.HaltView.as_view(), name="api_halt"),
    path("deployments/<uuid:deployment_id>/halts", views.HaltsView.as_view(), name="api_halts"),
    path(
        "deployments/<uuid:deployment_id>/reinstatements", views.ReinstatementsView.as_view(), name="api_reinstatements"
    ),
    path(
        "deployments/<uuid:deployment_id>/reinstatements/<uuid:vote_id>/withdraw",
        views.VoteWithdrawView.as_view(),
        name="api_vote_withdraw",
    ),
    path("deployments/<uuid:deployment_id>/reviews", reviews.ReviewsView.as_view(), name="api_reviews"),
    path("deployments/<uuid:deployment_id>/files", bulk.BulkFiles.as_view(), name="api_bulk_predictions"),
    path("prediction-files/<uuid:bulk_id>", bulk.BulkFile.as_view(), name="api_bulk_prediction"),
    path("prediction-files/<uuid:bulk_id>/cancel", bulk.BulkCancel.as_view(), name="api_bulk_prediction_cancel"),
    path("prediction-files/<uuid:bulk_id>/answers", bulk.BulkAnswers.as_view(), name="api_bulk_prediction_answers"),
    path("deployments/<uuid:deployment_id>/cases/find", cases.CaseFind.as_view(), name="api_case_find"),
    path("deployments/<uuid:deployment_id>/cases/<uuid:batch_id>/<int:index>", cases.Case.as_view(), name="api_case"),
    path("reinstatements/<uuid:vote_id>/evidence", views.VoteEvidenceView.as_view(), name="api_vote_evidence"),
    path("appeals", appeals.Appeals.as_view(), name="api_appeals"),
    path("appeals/<uuid:pk>", appeals.AppealDetail.as_view(), name="api_appeal"),
    path("appeals/<uuid:pk>/take", appeals.AppealTake.as_view(), name="api_appeal_take"),
    path("appeals/<uuid:pk>/decision", appeals.AppealDecision.as_view(), name="api_appeal_decision"),
    path("appeals/<uuid:pk>/withdraw", appeals.AppealWithdraw.as_view(), name="api_appeal_withdraw"),
]
