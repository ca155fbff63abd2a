from django.urls import path

from interop.cards import public, views
from interop.controls.views import controls_export

urlpatterns = [
    path("versions/<uuid:version_id>/card/<int:edition>/export/<str:kind>", views.card_export, name="card_export"),
    path("cards/", public.public_cards, name="public_cards"),
    path("cards/verifier.pyz", public.public_verifier, name="public_verifier"),
    path("cards/<uuid:publication_id>/", public.public_card, name="public_card"),
    path("cards/<uuid:publication_id>/proof", public.public_card_proof, name="public_card_proof"),
    path("cards/<uuid:publication_id>/card.<str:kind>", public.public_card_file, name="public_card_file"),
    path("controls/<slug:key>/export/<str:kind>", controls_export, name="controls_export"),
]
