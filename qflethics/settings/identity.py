"""How people sign in. django-allauth does the standard work; what is policy of ours stands in accounts/."""

from __future__ import annotations

from qflethics.settings import env

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_AGE = 8 * 3600  # a working day

# Roles that cannot work without a second factor (docs/design/identity.md). Empty: it is offered to everybody.
MFA_REQUIRED_ROLES = frozenset(env.words("MFA_REQUIRED_ROLES"))

AXES_HANDLER = "accounts.signin.NamelessHandler"  # no address in the log of sign-ins
AXES_USERNAME_CALLABLE = "accounts.signin.attempt_name"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.signin_views.locked_out"

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # nobody signs up; allauth checks that this fits the sign-in
ACCOUNT_EMAIL_VERIFICATION = "none"  # whoever opened the link of an invitation has shown the address to be theirs
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_SESSION_COOKIE_AGE = SESSION_COOKIE_AGE
ACCOUNT_FORMS = {"login": "accounts.signin_forms.SignInForm"}
ACCOUNT_LOGIN_TIMEOUT = 300  # between the password and the second factor
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Passwords are counted by axes, for a name and an address. Codes are counted for each person besides, from wherever.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "60/m/ip,5/5m/key,30/d/key", "reauthenticate": "10/m/user"}

MFA_ADAPTER = "accounts.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "QFL-ETHICS"
MFA_TOTP_TOLERANCE = 1  # steps of thirty seconds that a phone's clock may be off, each way
MFA_RECOVERY_CODE_DIGITS = 16
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "authenticate": "accounts.signin_forms.CodeForm",
    "reauthenticate": "accounts.signin_forms.CodeAgainForm",
    "activate_totp": "accounts.signin_forms.FirstCodeForm",
    "add_webauthn": "accounts.signin_forms.NewKeyForm",
}

SOCIALACCOUNT_ADAPTER = "accounts.adapters.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_LOGIN_ON_GET = True  # a link: the policy of content lets no form lead to another site
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an address that a provider names opens no account by itself
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5

# What allauth counts and which codes were used: shared by all processes, and gone with the transaction that failed.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cached",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
