from qflethics.settings.base import *  # noqa: F403

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # speed; production keeps PBKDF2
# The answers that tests write by hand are for these; the whole battery is run by its own tests and by the scenario.
AUDIT_CHECKS = (
    "bias_score", "bias_score_baseline", "epsilon", "quantum_mmd", "lime", "aif360", "representation",
)  # fmt: skip
REQUEST_TIMES_SECONDS = float("inf")  # never in the middle of a test that counts statements
