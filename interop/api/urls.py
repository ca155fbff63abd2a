from django.urls import path

from interop.api import views

urlpatterns = [
    path(
        "versions/<uuid:version_id>/cards/<int:edition>/exports/<str:kind>",
        views.CardExport.as_view(),
        name="api_card_export",
    ),
    path("controls/<slug:key>/exports/<slug:kind>", views.ControlsExport.as_view(), name="api_controls_export"),
    path("public-cards", views.PublicCards.as_view(), name="api_public_cards"),
    path("public-cards/<uuid:publication_id>", views.PublicCard.as_view(), name="api_public_card"),
    path("public-cards/<uuid:publication_id>/proof", views.PublicCardProof.as_view(), name="api_public_card_proof"),
]
