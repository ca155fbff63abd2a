from django.urls import path

from provenance.api import views

urlpatterns = [
    path("ledger", views.LedgerStatus.as_view(), name="api_ledger"),
    path("ledger/entries", views.EntryList.as_view(), name="api_ledger_entries"),
    path("ledger/entries/<int:seq>", views.EntryDetail.as_view(), name="api_ledger_entry"),
    path("ledger/entries/<int:seq>/proof", views.EntryProof.as_view(), name="api_ledger_proof"),
    path("ledger/checkpoint", views.NewestCheckpoint.as_view(), name="api_ledger_checkpoint"),
    path("ledger/verification", views.LedgerVerification.as_view(), name="api_ledger_verification"),
]
