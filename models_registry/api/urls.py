from django.urls import path

from models_registry.api import card_views, office_views, views

urlpatterns = [
    path("models", views.Models.as_view(), name="api_models"),
    path("models/<uuid:pk>", views.ModelDetail.as_view(), name="api_model"),
    path("versions", views.Versions.as_view(), name="api_versions"),
    path("versions/<uuid:pk>", views.VersionDetail.as_view(), name="api_version"),
    path("versions/<uuid:version_id>/cards", card_views.Cards.as_view(), name="api_cards"),
    path("versions/<uuid:version_id>/card-drafts", card_views.CardDrafts.as_view(), name="api_card_drafts"),
    path("versions/<uuid:version_id>/card-changes", card_views.CardChanges.as_view(), name="api_card_changes"),
    path("versions/<uuid:version_id>/cards/<int:edition>", card_views.CardDetail.as_view(), name="api_card"),
    path(
        "versions/<uuid:version_id>/cards/<int:edition>/publication",
        card_views.CardPublication.as_view(),
        name="api_card_publication",
    ),
    path("approval-requests", views.Approvals.as_view(), name="api_approval_requests"),
    path("approval-requests/<uuid:pk>", views.ApprovalDetail.as_view(), name="api_approval_request"),
    path("approval-requests/<uuid:pk>/decisions", views.Decisions.as_view(), name="api_approval_decisions"),
    path("approval-requests/<uuid:pk>/statements", views.Statements.as_view(), name="api_approval_statements"),
    path("approval-requests/<uuid:pk>/comments", views.Comments.as_view(), name="api_approval_comments"),
    path("approval-keys", office_views.Keys.as_view(), name="api_approval_keys"),
    path("approval-keys/challenge", office_views.KeyChallenge.as_view(), name="api_approval_key_challenge"),
    path("approval-keys/<uuid:pk>/revoke", office_views.KeyRevoke.as_view(), name="api_approval_key_revoke"),
    path("approval-delegations", office_views.Delegations.as_view(), name="api_approval_delegations"),
    path(
        "approval-delegations/<uuid:pk>/end", office_views.DelegationEnd.as_view(), name="api_approval_delegation_end"
    ),
    path("approval-requests/<uuid:pk>/withdraw", views.Withdraw.as_view(), name="api_approval_withdraw"),
    path("deployments", views.Deployments.as_view(), name="api_deployments"),
    path("deployments/<uuid:pk>", views.DeploymentDetail.as_view(), name="api_deployment"),
]
