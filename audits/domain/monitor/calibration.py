"""How well a score fits the truth, as a value in [0, 1] that two groups can be compared by.

The residual ``label - score`` of a case is compared between groups *within a fifth of the score*: the strata need no
label. So that a value lies in [0, 1] the residual is taken around the middle of its fifth and scaled,

    value = (label - score + middle + WIDTH / 2) / (1 + WIDTH)

and a difference of two values is the difference of the residuals, up to the few hundredths by which two scores of one
fifth differ from its middle, times `SCALE`. H0 of the stream: in each fifth the mean residuals differ by no more than
the threshold. Two groups of different prevalence cannot agree in this *and* in true and false positive rates unless the
model is perfect [1]_, which is why a policy may let this stream warn and not halt.

References
----------
.. [1] Kleinberg, Mullainathan and Raghavan, ITCS 2017, arXiv:1609.05807.
"""

from __future__ import annotations

BINS = 5
WIDTH = 1.0 / BINS
SCALE = 1.0 / (1.0 + WIDTH)  # a gap of residuals times this is a gap of values


def calibration_case(score: float, label: float) -> tuple[float, str]:
    """The value in [0, 1] of one case, and the fifth of the score that it is compared within.

    Parameters
    ----------
    score : float in [0, 1]
    label : 0 or 1
    """
    number = min(int(score * BINS), BINS - 1)
    middle = (number + 0.5) * WIDTH
    value = (label - score + middle + WIDTH / 2.0) * SCALE
    return min(max(value, 0.0), 1.0), f"score {number}"
