from django.urls import path

from provenance import views, views_entry, views_log

urlpatterns = [
    path("ledger/", views.ledger, name="ledger"),
    path("ledger/checkpoints/", views.ledger_checkpoints, name="ledger_checkpoints"),
    path("ledger/checkpoints/<int:size>/", views_entry.ledger_checkpoint, name="ledger_checkpoint"),
    path("ledger/witnesses/", views.ledger_witnesses, name="ledger_witnesses"),
    path("ledger/anchors/", views.ledger_anchors, name="ledger_anchors"),
    path("ledger/completeness/", views.ledger_completeness, name="ledger_completeness"),
    path("ledger/verification/", views.ledger_verification, name="ledger_verification"),
    path("ledger/verifier.pyz", views_entry.ledger_verifier, name="ledger_verifier"),
    path("ledger/objects/<path:object_id>/", views_entry.ledger_object, name="ledger_object"),
    path("ledger/objects/<path:object_id>/bundle", views_entry.ledger_object_bundle, name="ledger_object_bundle"),
    path("ledger/<int:seq>/", views_entry.ledger_entry, name="ledger_entry"),
    path("ledger/<int:seq>/leaf", views_entry.ledger_leaf, name="ledger_leaf"),
    path("ledger/<int:seq>/proof", views_entry.ledger_proof, name="ledger_proof"),
    path("log/checkpoint", views_log.log_checkpoint, name="log_checkpoint"),
    path("log/keys", views_log.log_keys, name="log_keys"),
    path("log/<path:path>", views_log.log_tile, name="log_tile"),
]
