"""The level of a risk in the manner of ISO 14971: severity times probability, each from 1 to 5.

The bands are this platform's policy; the standard leaves them to the manufacturer.
"""

from __future__ import annotations

from enum import StrEnum

SEVERITY = {1: "1 Negligible", 2: "2 Minor", 3: "3 Serious", 4: "4 Critical", 5: "5 Catastrophic"}
PROBABILITY = {1: "1 Improbable", 2: "2 Remote", 3: "3 Occasional", 4: "4 Probable", 5: "5 Frequent"}
_MEDIUM, _HIGH = 5, 12  # from this product on


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def level(severity: int, probability: int) -> Level:
    """The level of a risk.

    A catastrophic harm is never a low risk, however improbable.

    Examples
    --------
    >>> str(level(2, 2)), str(level(5, 1)), str(level(4, 3))
    ('low', 'medium', 'high')
    """
    if severity not in SEVERITY or probability not in PROBABILITY:
        raise ValueError(f"expected severity and probability from 1 to 5, got {severity} and {probability}")
    product = severity * probability
    if product >= _HIGH:
        return Level.HIGH
    return Level.MEDIUM if product >= _MEDIUM else Level.LOW
