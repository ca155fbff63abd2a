"""The database's own refusals, told to people: the triggers and constraints are the second wall behind the services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, InternalError
from django.utils.translation import gettext, gettext_noop

from core.errors import Conflict

_CONSTRAINTS = {
    "one_open_request": gettext_noop("A request of this kind is already under review for this version."),
    "one_decision_each": gettext_noop("You have already decided on this request; a decision is never changed."),
    "requester_does_not_decide": gettext_noop("The requester must not decide."),
    "models_registry_deployment_approval_id_key": gettext_noop("This approval is already deployed."),
    "report_issue_once": gettext_noop("Someone else has just asked for this report. Look at the list of reports."),
    "card_edition_once": gettext_noop(
        "Someone else has just written an edition of this card. Look at it and try again."
    ),
}


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn a refusal of a guard into a `Conflict` in words. Goes around the transaction, never inside it."""
    try:
        yield
    except (IntegrityError, InternalError) as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        name = getattr(diagnosis, "constraint_name", None) or ""
        said = getattr(diagnosis, "message_primary", None) or str(error)
        raise Conflict(
            _CONSTRAINTS.get(name) or gettext("The database refused this: %(said)s.") % {"said": said}
        ) from error
