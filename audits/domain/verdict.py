"""The states of an audit check, and how several checks become one.

A verdict comes from confidence bounds, never from a point estimate. "Not assessable" is a result; it is never "passed".
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSABLE = "not_assessable"
    NOT_APPLICABLE = "not_applicable"

    @property
    def blocks(self) -> bool:
        """Whether certification stops here. Everything does but a PASS and what does not concern this model."""
        return self not in (Verdict.PASS, Verdict.NOT_APPLICABLE)

    @property
    def explanation(self) -> str:
        """What the verdict means, for a reader who is no statistician."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Verdict.PASS: "The data show, with the stated confidence, that the requirement is met.",
    Verdict.FAIL: "The data show, with the stated confidence, that the requirement is not met.",
    Verdict.INCONCLUSIVE: "The data are compatible both with meeting the requirement and with missing it. "
    "More patients are needed; until then the model is not certified.",
    Verdict.NOT_ASSESSABLE: "There were not enough usable data to test the requirement at all. "
    "This is not a pass; the model is not certified.",
    Verdict.NOT_APPLICABLE: "The requirement does not concern this kind of model. It neither passes nor fails.",
}

_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE, Verdict.PASS)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for several checks: the worst of FAIL > INCONCLUSIVE > NOT_ASSESSABLE > PASS.

    NOT_ASSESSABLE blocks just as INCONCLUSIVE does; no verdict at all is NOT_ASSESSABLE, because nothing was shown.
    NOT_APPLICABLE is left out.
    """
    present = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in present), Verdict.NOT_ASSESSABLE)
