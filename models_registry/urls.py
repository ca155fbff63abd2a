from django.urls import path

from models_registry import approval_views, card_views, office_views, views

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
    path("approvals/", approval_views.approvals_list, name="approvals"),
    path("approvals/keys/", office_views.approval_keys, name="approval_keys"),
    path("approvals/keys/<uuid:key_id>/revoke/", office_views.approval_key_revoke, name="approval_key_revoke"),
    path("approvals/absence/", office_views.approval_absence, name="approval_absence"),
    path("approvals/absence/<uuid:delegation_id>/end/", office_views.approval_absence_end, name="approval_absence_end"),
    path("approvals/text/", approval_views.approval_text, name="approval_text"),
    path("approvals/<uuid:approval_id>/sign/", approval_views.approval_sign, name="approval_sign"),
    path("approvals/<uuid:approval_id>/comment/", approval_views.approval_comment, name="approval_comment"),
    path("approvals/<uuid:approval_id>/", approval_views.approval, name="approval"),
    path("approvals/<uuid:approval_id>/decide/", approval_views.approval_decide, name="approval_decide"),
    path("approvals/<uuid:approval_id>/withdraw/", approval_views.approval_withdraw, name="approval_withdraw"),
    path("approvals/<uuid:approval_id>/deploy/", approval_views.approval_deploy, name="approval_deploy"),
]
