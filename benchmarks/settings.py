"""The platform's own settings, with the peers of the comparison installed beside it."""

from qflethics.settings.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "pghistory", "auditlog", "benchmarks.ledger"]  # noqa: F405
