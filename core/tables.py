"""Three classes of tables. Every table of the schema is exactly one of them, and a test says so.

Governed: each row change is captured into the ledger (Meta.triggers = captured(...)).
Bulk: one ledger entry a batch, with the Merkle root over its rows (`bulk = True` on the model).
Exempt: not in the ledger, with the reason (`exempt_reason` on our models, the list below for the others').
"""

from __future__ import annotations

from typing import Literal

from django.apps import apps

from core.capture import Capture

FRAMEWORK_EXEMPT = {
    "django_migrations": "schema history; a migration that rewrites governed rows appends a re-baseline entry",
    "django_session": "sessions: short-lived, hold no decision",
    "django_content_type": "framework registry, derived from code",
    "auth_permission": "framework registry; rights come from core.roles",
    "auth_group": "unused; rights come from memberships",
    "auth_group_permissions": "unused; rights come from memberships",
    "accounts_user_groups": "unused; rights come from memberships",
    "accounts_user_user_permissions": "unused; rights come from memberships",
    "axes_accessattempt": "failed sign-ins: security log with its own retention",
    "axes_accessattemptexpiration": "failed sign-ins: security log with its own retention",
    "axes_accessfailurelog": "failed sign-ins: security log with its own retention",
    "axes_accesslog": "sign-ins: security log with its own retention",
    "account_emailaddress": "unused; addresses stand sealed in the person's own row",
    "account_emailconfirmation": "unused; addresses stand sealed in the person's own row",
    "socialaccount_socialapp": "unused; identity providers are governed rows of accounts",
    "socialaccount_socialtoken": "unused; no token of an identity provider is kept",
}

Kind = Literal["governed", "bulk", "exempt"]


def classify() -> dict[str, tuple[Kind, str]]:
    """Each table of the installed models, with its class and, if exempt, the reason. Raises on an undeclared one."""
    found: dict[str, tuple[Kind, str]] = {}
    models = apps.get_models(include_auto_created=True)
    governed = {
        model._meta.db_table
        for model in models
        if any(isinstance(trigger, Capture) for trigger in getattr(model._meta, "triggers", []))
    }  # of a table of another package a proxy of ours says so
    for model in models:
        table = model._meta.db_table
        if table in governed:
            found[table] = ("governed", "")
        elif getattr(model, "bulk", False):
            found[table] = ("bulk", "")
        elif reason := getattr(model, "exempt_reason", "") or FRAMEWORK_EXEMPT.get(table, ""):
            found[table] = ("exempt", reason)
        else:
            raise LookupError(f"{model._meta.label}: declare it governed (captured), bulk or exempt (core/tables.py)")
    return found
