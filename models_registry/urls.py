from django.urls import path

from models_registry import card_views, views

urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/<uuid:model_id>/", views.model, name="model"),
    path("versions/<uuid:version_id>/", views.version, name="version"),
    path("versions/<uuid:version_id>/request/", views.approval_request, name="approval_request"),
    path("versions/<uuid:version_id>/card/", card_views.card, name="card"),
    path("versions/<uuid:version_id>/card/edit/", card_views.card_edit, name="card_edit"),
    path("versions/<uuid:version_id>/card/<int:edition>/", card_views.card, name="card_edition"),
    path("versions/<uuid:version_id>/card/changes/", card_views.card_changes, name="card_changes"),
    path("versions/<uuid:version_id>/card/<int:edition>/publish/", card_views.card_publish, name="card_publish"),
    path("versions/<uuid:version_id>/card/unpublish/", card_views.card_unpublish, name="card_unpublish"),
    path("approvals/", views.approvals_list, name="approvals"),
    path("approvals/<uuid:approval_id>/", views.approval, name="approval"),
    path("approvals/<uuid:approval_id>/decide/", views.approval_decide, name="approval_decide"),
    path("approvals/<uuid:approval_id>/withdraw/", views.approval_withdraw, name="approval_withdraw"),
    path("approvals/<uuid:approval_id>/deploy/", views.approval_deploy, name="approval_deploy"),
]
