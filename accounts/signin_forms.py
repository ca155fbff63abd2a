"""The forms of allauth, in our words, and without anybody's address in a session."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

_CODE_HELP = _("The six digits that your authenticator app shows now, or one of your recovery codes.")


class SignInForm(LoginForm):
    """Address and password. A session is a row of the database, so the address stays out of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("remember", None)  # a session lasts a working day, no choice
        self.fields["login"].label = _("Email address")
        self.fields["login"].widget.attrs = {"autocomplete": "username", "autofocus": True}
        self.fields["password"].widget.attrs = {"autocomplete": "current-password"}
        self.fields["password"].help_text = ""

    def add_prefix(self, field_name: str) -> str:
        """What browsers and our own clients fill in is called as ever."""
        return super().add_prefix({"login": "username"}.get(field_name, field_name))

    def clean_login(self) -> str:
        """One spelling of an address, for different capitals must not be different counts of failures."""
        return super().clean_login().lower()

    def _login_with_password(self, request: HttpRequest, redirect_url: str | None, credentials: dict) -> HttpResponse:
        self._login.email = None
        return super()._login_with_password(request, redirect_url, {})


class _WithCode:
    """The field of a code, as this platform asks for it."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.label, field.help_text, field.max_length = _("Code"), _CODE_HELP, 40
        field.widget.attrs = {"autocomplete": "one-time-code", "autofocus": True, "maxlength": "40"}


class CodeForm(_WithCode, AuthenticateForm):
    """The second step of a sign-in."""


class CodeAgainForm(_WithCode, ReauthenticateForm):
    """Once more, before what a stolen session must not do."""


class FirstCodeForm(_WithCode, ActivateTOTPForm):
    """The code that puts an authenticator app into force."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = "The six digits that the app shows for this key now."


class NewKeyForm(AddWebAuthnForm):
    """A security key or a passkey, with a name to know it by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.label, name.help_text, name.max_length = "Name", "What you call this key or device.", 60
        name.widget.attrs = {"maxlength": "60", "autocomplete": "off"}
        passkey = self.fields["passwordless"]
        passkey.label = "Let it sign in by itself (a passkey)"
        passkey.help_text = "Without the password: the device asks for its PIN, a finger or a face instead."
