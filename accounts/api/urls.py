from django.urls import path

from accounts.api import views

urlpatterns = [
    path("me", views.Caller.as_view(), name="api_me"),
    path("people", views.People.as_view(), name="api_people"),
    path("people/<uuid:user_id>/erasure", views.PersonErasure.as_view(), name="api_person_erase"),
    path("people/<uuid:user_id>/factor-resets", views.FactorResetRequest.as_view(), name="api_factor_reset"),
    path("patient-erasures", views.PatientErasure.as_view(), name="api_patient_erase"),
    path("factor-resets/<uuid:reset_id>/grant", views.FactorResetGrant.as_view(), name="api_factor_reset_grant"),
    path("api-keys", views.Keys.as_view(), name="api_machine_keys"),
    path("api-keys/<uuid:key_id>/revoke", views.KeyRevoke.as_view(), name="api_machine_key_revoke"),
]
