from django.urls import path

from provenance.api import decisions, views

urlpatterns = [
    path("ledger", views.LedgerStatus.as_view(), name="api_ledger"),
    path("ledger/entries", views.EntryList.as_view(), name="api_ledger_entries"),
    path("ledger/entries/<int:seq>", views.EntryDetail.as_view(), name="api_ledger_entry"),
    path("ledger/entries/<int:seq>/proof", views.EntryProof.as_view(), name="api_ledger_proof"),
    path("ledger/checkpoints", views.CheckpointList.as_view(), name="api_ledger_checkpoints"),
    path("ledger/checkpoints/<int:size>", views.CheckpointDetail.as_view(), name="api_ledger_checkpoint_at"),
    path("ledger/anchors", views.AnchorList.as_view(), name="api_ledger_anchors"),
    path("ledger/completeness", views.Completeness.as_view(), name="api_ledger_completeness"),
    path("ledger/verifier", views.Verifier.as_view(), name="api_ledger_verifier"),
    path("ledger/checkpoint", views.NewestCheckpoint.as_view(), name="api_ledger_checkpoint"),
    path("ledger/verification", views.LedgerVerification.as_view(), name="api_ledger_verification"),
    path("ledger/witnesses", views.WitnessList.as_view(), name="api_ledger_witnesses"),
    path("ledger/objects/<path:object_id>/bundle", views.ObjectBundle.as_view(), name="api_ledger_bundle"),
    path("ledger/objects/<path:object_id>/entries", views.ObjectHistory.as_view(), name="api_ledger_object"),
    path("ledger/subjects", decisions.SubjectStanding.as_view(), name="api_ledger_subject"),
    path("ledger/decisions", decisions.DecisionList.as_view(), name="api_ledger_decisions"),
    path("ledger/decisions/<uuid:id>", decisions.DecisionDetail.as_view(), name="api_ledger_decision"),
    path(
        "ledger/decisions/<uuid:id>/typed-data",
        decisions.DecisionTypedData.as_view(),
        name="api_ledger_decision_typed_data",
    ),
    path(
        "ledger/decisions/<uuid:id>/signatures",
        decisions.DecisionSignatures.as_view(),
        name="api_ledger_decision_sign",
    ),
    path("ledger/officer-keys", decisions.OfficerKeyList.as_view(), name="api_ledger_officer_keys"),
    path(
        "ledger/officer-keys/challenge",
        decisions.OfficerKeyChallenge.as_view(),
        name="api_ledger_officer_key_challenge",
    ),
    path(
        "ledger/officer-keys/<uuid:id>/revoke",
        decisions.OfficerKeyRevoke.as_view(),
        name="api_ledger_officer_key_revoke",
    ),
]
