"""What this app tells lower floors, and hears of them. Imported once, when the application starts."""

from __future__ import annotations

from datetime import date

from accounts.erasure import patients_held_by, when_erased
from audits.runtime.retention import KEEPERS


def _held(_month: date | None = None) -> str:
    from protection.retention import held_predictions

    return held_predictions()


def _patient_erased(pseudonym: str) -> dict[str, int]:
    from protection.requests import numbers_forget

    return {"numbers in requests": numbers_forget(pseudonym)}


KEEPERS.append(_held)
patients_held_by(_held)
when_erased("patient", _patient_erased)
