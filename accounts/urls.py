from allauth.account.views import reauthenticate
from allauth.mfa.base.views import reauthenticate as reauthenticate_code
from allauth.mfa.webauthn.views import login_webauthn, reauthenticate_webauthn
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import (
    account_views,
    emergency_views,
    factor_views,
    invitation_views,
    provider_views,
    saml_views,
    signin_views,
    views,
    views_personal,
)
from accounts.access import requires
from accounts.signin_views import reads_a_key

_form = require_http_methods(["GET", "HEAD", "POST"])


def _own(view, methods=_form):
    """A page of allauth's, held to the same rules as ours: who may open it, by which methods, kept by no cache."""
    return requires("account.own")(never_cache(methods(view)))


urlpatterns = [
    path("login/", signin_views.SignIn.as_view(), name="login"),
    path("login/", signin_views.SignIn.as_view(), name="account_login"),  # as allauth calls it
    path("login/code/", _form(reads_a_key(signin_views.SecondStep.as_view())), name="mfa_authenticate"),
    path("login/passkey/", _form(reads_a_key(login_webauthn)), name="mfa_login_webauthn"),
    path("login/with/<slug:provider_id>/", provider_views.oidc_login, name="openid_connect_login"),
    path("login/with/<slug:provider_id>/back/", provider_views.oidc_callback, name="openid_connect_callback"),
    path("login/with/<slug:provider_id>/saml/", saml_views.saml_login, name="saml_login"),
    path("login/with/<slug:provider_id>/saml/back/", saml_views.saml_back, name="saml_back"),
    path("login/with/<slug:provider_id>/saml/in/", saml_views.saml_in, name="saml_in"),
    path("login/with/<slug:provider_id>/saml/metadata/", saml_views.saml_metadata, name="saml_metadata"),
    path("activate/<str:uidb64>/<str:token>/", views.Activate.as_view(), name="account_activate"),
    path("account/", account_views.account, name="account"),
    path("account/sign-out/", account_views.session_end, name="session_end"),
    path("account/password/", account_views.ChangePassword.as_view(), name="password_change"),
    path("account/again/", _own(reauthenticate), name="account_reauthenticate"),
    path("account/again/code/", _own(reauthenticate_code), name="mfa_reauthenticate"),
    path("account/again/key/", _own(reads_a_key(reauthenticate_webauthn)), name="mfa_reauthenticate_webauthn"),
    path("account/second-factor/", _own(factor_views.FactorIndex.as_view(), require_safe), name="mfa_index"),
    path("account/second-factor/app/", _own(factor_views.AppSetUp.as_view()), name="mfa_activate_totp"),
    path("account/second-factor/app/remove/", _own(factor_views.AppRemove.as_view()), name="mfa_deactivate_totp"),
    path("account/second-factor/keys/", _own(factor_views.FactorIndex.as_view(), require_safe),
         name="mfa_list_webauthn"),
    path("account/second-factor/keys/new/", _own(reads_a_key(factor_views.KeyAdd.as_view())), name="mfa_add_webauthn"),
    path("account/second-factor/keys/<int:pk>/", _own(factor_views.KeyRename.as_view()), name="mfa_edit_webauthn"),
    path("account/second-factor/keys/<int:pk>/remove/", _own(factor_views.KeyRemove.as_view()),
         name="mfa_remove_webauthn"),
    path("account/second-factor/codes/", _own(factor_views.Codes.as_view(), require_safe),
         name="mfa_view_recovery_codes"),
    path("account/second-factor/codes/new/", _own(factor_views.CodesNew.as_view()),
         name="mfa_generate_recovery_codes"),
    path("account/provider/unlink/", provider_views.provider_unlink, name="provider_unlink"),
    path("account/invitations/<uuid:invitation_id>/accept/", invitation_views.invitation_accept,
         name="invitation_accept"),
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
    path("identity-providers/", provider_views.identity_providers, name="identity_providers"),
    path("identity-providers/<uuid:provider_id>/", provider_views.identity_provider, name="identity_provider"),
    path("people/", views.people_list, name="people"),
    path("people/invite/", invitation_views.people_invite, name="people_invite"),
    path("people/invitations/<uuid:invitation_id>/withdraw/", invitation_views.invitation_withdraw,
         name="invitation_withdraw"),
    path("people/roles/<uuid:membership_id>/end/", views.membership_end, name="membership_end"),
    path("people/<uuid:user_id>/erase/", views.person_erase, name="person_erase"),
    path("people/<uuid:user_id>/reset-second-factor/", account_views.reset_request, name="factor_reset"),
    path("people/erase-patient/", views.patient_erase, name="patient_erase"),
    path("emergency/", emergency_views.emergencies, name="emergencies"),
    path("emergency/<uuid:access_id>/confirm/", emergency_views.emergency_confirm, name="emergency_confirm"),
    path("emergency/<uuid:access_id>/end/", emergency_views.emergency_end, name="emergency_end"),
    path("emergency/<uuid:access_id>/review/", emergency_views.emergency_review, name="emergency_review"),
]  # fmt: skip
