"""The terms of a proposed run, completed by what the platform knows. One rule for the form, the API and the service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from federation.domain.code_version import code_version
from federation.domain.legal_bases import NO_PERSONAL_DATA
from federation.domain.terms import Terms
from federation.models import Federation

USUAL_DAYS = 365
BASES = ("lawfulness", "special_category", "hipaa")
GIVEN = ("purpose", *BASES, "ethics", "data_set", "expires_on")  # what people state; the platform adds the rest


def terms_for(federation: Federation, given: Mapping[str, Any] | None, *, epsilon: float | None, today: date) -> Terms:
    """Complete and check terms. Raises ValueError that says what is missing.

    Only a synthetic federation has a default for its legal bases: of patients' data the platform cannot know them.
    """
    stated = {name: value for name, value in (given or {}).items() if value not in (None, "")}
    if unknown := sorted(set(stated) - set(GIVEN)):
        raise ValueError(f"expected terms among {', '.join(GIVEN)}, got {', '.join(unknown)}")
    usual: dict[str, Any] = {
        "purpose": federation.purpose, "data_set": federation.data_title, "ethics": None,
        "expires_on": (today + timedelta(days=USUAL_DAYS)).isoformat(),
    }  # fmt: skip
    if federation.synthetic:
        usual |= dict.fromkeys(BASES, NO_PERSONAL_DATA)
    elif missing := [name for name in (*BASES, "ethics") if name not in stated]:
        raise ValueError(f"expected terms that state {', '.join(missing)}, since patients' data are used")
    elif NO_PERSONAL_DATA in [stated[name] for name in BASES]:
        raise ValueError(
            f"expected legal bases for patients' data, got {NO_PERSONAL_DATA}; this federation is not synthetic"
        )
    terms = Terms.from_dict({**usual, **stated, "epsilon": epsilon, "code_version": code_version()})
    terms.check_dates(today)
    return terms
