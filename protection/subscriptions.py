"""What this app tells lower floors, and hears of them. Imported once, when the application starts."""

from __future__ import annotations

from datetime import date

from accounts.erasure import when_erased
from audits.runtime.retention import KEEPERS


def _held(month: date) -> str:
    from protection.retention import held_predictions

    return held_predictions(month)


def _patient_erased(pseudonym: str) -> dict[str, int]:
    from protection.requests import numbers_forget

    return {"numbers in requests": numbers_forget(pseudonym)}


KEEPERS.append(_held)
when_erased("patient", _patient_erased)
