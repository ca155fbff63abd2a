from django.urls import path

from accounts import account_views, views, views_personal

urlpatterns = [
    path("activate/<str:uidb64>/<str:token>/", views.Activate.as_view(), name="account_activate"),
    path("account/", account_views.account, name="account"),
    path("account/sign-out/", account_views.session_end, name="session_end"),
    path("account/password/", account_views.ChangePassword.as_view(), name="password_change"),
    path("account/second-factor/", account_views.factor, name="factor"),
    path("account/second-factor/begin/", account_views.factor_begin, name="factor_begin"),
    path("account/second-factor/confirm/", account_views.factor_confirm, name="factor_confirm"),
    path("account/second-factor/codes/", account_views.factor_codes, name="factor_codes"),
    path("account/second-factor/remove/", account_views.factor_remove, name="factor_remove"),
    path("account/preferences/", views_personal.preferences, name="preferences"),
    path("account/first-steps/", views_personal.first_steps_put_away, name="first_steps"),
    path("inbox/", views_personal.inbox, name="inbox"),
    path("inbox/read/", views_personal.inbox_read, name="inbox_read"),
    path("inbox/<uuid:message_id>/open/", views_personal.message_open, name="message_open"),
    path("inbox/<uuid:message_id>/unread/", views_personal.message_unread, name="message_unread"),
    path("views/save/", views_personal.view_save, name="view_save"),
    path("views/<uuid:view_id>/remove/", views_personal.view_remove, name="view_remove"),
    path("views/<uuid:view_id>/restore/", views_personal.view_restore, name="view_restore"),
    path("factor-resets/<uuid:reset_id>/grant/", account_views.reset_grant, name="factor_reset_grant"),
    path("api-keys/", account_views.api_keys, name="machine_keys"),
    path("api-keys/<uuid:key_id>/revoke/", account_views.api_key_revoke, name="machine_key_revoke"),
    path("people/", views.people_list, name="people"),
    path("people/<uuid:user_id>/erase/", views.person_erase, name="person_erase"),
    path("people/<uuid:user_id>/reset-second-factor/", account_views.reset_request, name="factor_reset"),
    path("people/erase-patient/", views.patient_erase, name="patient_erase"),
]
