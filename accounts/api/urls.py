from django.urls import path

from accounts.api import emergency, identity, personal, views

_EMERGENCY = "emergencies/<uuid:access_id>"

urlpatterns = [
    path("me", views.Caller.as_view(), name="api_me"),
    path("people", views.People.as_view(), name="api_people"),
    path("people/<uuid:user_id>/erasure", views.PersonErasure.as_view(), name="api_person_erase"),
    path("people/<uuid:user_id>/factor-resets", views.FactorResetRequest.as_view(), name="api_factor_reset"),
    path("patient-erasures", views.PatientErasure.as_view(), name="api_patient_erase"),
    path("factor-resets/<uuid:reset_id>/grant", views.FactorResetGrant.as_view(), name="api_factor_reset_grant"),
    path("api-keys", views.Keys.as_view(), name="api_machine_keys"),
    path("api-keys/<uuid:key_id>/revoke", views.KeyRevoke.as_view(), name="api_machine_key_revoke"),
    path("emergencies", emergency.Emergencies.as_view(), name="api_emergencies"),
    path(f"{_EMERGENCY}/confirm", emergency.EmergencyConfirmation.as_view(), name="api_emergency_confirm"),
    path(f"{_EMERGENCY}/end", emergency.EmergencyEnd.as_view(), name="api_emergency_end"),
    path(f"{_EMERGENCY}/review", emergency.EmergencyJudgement.as_view(), name="api_emergency_review"),
    path("people/invitations", identity.PersonInvitations.as_view(), name="api_people_invite"),
    path(
        "people/invitations/<uuid:invitation_id>/withdraw", identity.PersonInvitationWithdrawal.as_view(),
        name="api_person_uninvite",
    ),
    path("people/roles/<uuid:membership_id>/end", identity.RoleEnd.as_view(), name="api_membership_end"),
    path("me/invitations", identity.MyInvitations.as_view(), name="api_my_invitations"),
    path(
        "me/invitations/<uuid:invitation_id>/accept", identity.MyInvitationAcceptance.as_view(),
        name="api_invitation_accept",
    ),
    path("identity-providers", identity.IdentityProviders.as_view(), name="api_identity_providers"),
    path(
        "identity-providers/<uuid:provider_id>", identity.IdentityProviderDetail.as_view(),
        name="api_identity_provider",
    ),
    path("me/inbox", personal.Inbox.as_view(), name="api_inbox"),
    path("me/inbox/read", personal.InboxReading.as_view(), name="api_inbox_read"),
    path("me/inbox/<uuid:message_id>/read", personal.MessageReading.as_view(), name="api_message_read"),
    path("me/inbox/<uuid:message_id>/unread", personal.MessageUnreading.as_view(), name="api_message_unread"),
    path("me/preferences", personal.MyPreferences.as_view(), name="api_preferences"),
    path("me/views", personal.SavedViews.as_view(), name="api_views"),
    path("me/views/<uuid:view_id>/remove", personal.SavedViewRemoval.as_view(), name="api_view_remove"),
    path("me/views/<uuid:view_id>/restore", personal.SavedViewReturn.as_view(), name="api_view_restore"),
]  # fmt: skip
