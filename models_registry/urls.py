from django.urls import path

from models_registry import views

urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/<uuid:model_id>/", views.model, name="model"),
    path("versions/<uuid:version_id>/", views.version, name="version"),
    path("versions/<uuid:version_id>/request/", views.approval_request, name="approval_request"),
    path("versions/<uuid:version_id>/card/", views.card, name="card"),
    path("versions/<uuid:version_id>/card/edit/", views.card_edit, name="card_edit"),
    path("versions/<uuid:version_id>/card/<int:edition>/", views.card, name="card_edition"),
    path("approvals/", views.approvals_list, name="approvals"),
    path("approvals/<uuid:approval_id>/", views.approval, name="approval"),
    path("approvals/<uuid:approval_id>/decide/", views.approval_decide, name="approval_decide"),
    path("approvals/<uuid:approval_id>/withdraw/", views.approval_withdraw, name="approval_withdraw"),
    path("approvals/<uuid:approval_id>/deploy/", views.approval_deploy, name="approval_deploy"),
]
