"""Which runs a person has chosen to compare, from the address of the page."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.utils.translation import gettext as _

from core.errors import ApplicationError
from federation.models import TrainingRun
from federation.presentation.comparison import MOST_RUNS


def chosen_runs(ids: Sequence[str], user) -> list[TrainingRun]:
    """In the order of the address, each once.

    Raises
    ------
    ApplicationError
        If something is no id, there are too many, or one is no run that this person may see.
    """
    try:
        wanted = list(dict.fromkeys(uuid.UUID(text) for text in ids))
    except ValueError as error:
        raise ApplicationError(
            "Expected the ids of runs, got something else. Choose runs in a federation's list."
        ) from error
    if len(wanted) > MOST_RUNS:
        raise ApplicationError(
            _("Expected at most %(most_runs)s runs, got %(n)s. Choose fewer.")
            % {"most_runs": MOST_RUNS, "n": len(wanted)}
        )
    found = TrainingRun.objects.for_user(user).select_related("federation", "requested_by").in_bulk(wanted)
    if missing := len(wanted) - len(found):
        raise ApplicationError(
            _("%(missing)s of the %(n)s chosen runs cannot be shown to you, or no longer exist. Choose others.")
            % {"missing": missing, "n": len(wanted)}
        )
    return [found[run_id] for run_id in wanted]
