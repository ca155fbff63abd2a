from django.urls import path

from provenance import views

urlpatterns = [
    path("ledger/", views.ledger, name="ledger"),
    path("ledger/checkpoints/", views.ledger_checkpoints, name="ledger_checkpoints"),
    path("ledger/checkpoints/<int:size>/", views.ledger_checkpoint, name="ledger_checkpoint"),
    path("ledger/anchors/", views.ledger_anchors, name="ledger_anchors"),
    path("ledger/verification/", views.ledger_verification, name="ledger_verification"),
    path("ledger/<int:seq>/", views.ledger_entry, name="ledger_entry"),
    path("ledger/<int:seq>/leaf", views.ledger_leaf, name="ledger_leaf"),
    path("ledger/<int:seq>/proof", views.ledger_proof, name="ledger_proof"),
    path("log/checkpoint", views.log_checkpoint, name="log_checkpoint"),
    path("log/keys", views.log_keys, name="log_keys"),
    path("log/<path:path>", views.log_tile, name="log_tile"),
]
