from django.urls import path

from interop.api import views

urlpatterns = [
    path(
        "versions/<uuid:version_id>/cards/<int:edition>/exports/<str:kind>",
        views.CardExport.as_view(),
        name="api_card_export",
    ),
]
