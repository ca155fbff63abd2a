"""The likelihood ratio attack [1]_, against one given model, with shadow models that a single hospital can train.

A patient's score says how much better the model does on him than models that never saw him (offline), or whether it
does as models that saw him or as models that did not (online).

What is under attack was trained by several hospitals; a hospital's shadows are trained on its own patients alone. They
show which patients are easy and which are hard, and how a model changes that sees one. Level and spread of the two
kinds of model differ, so the target's statistics are first mapped to the shadows' by a line, fitted over all patients
without knowing who is a member. The attack so finds less than one by somebody who could repeat the whole federation.

References
----------
.. [1] Carlini et al., "Membership inference attacks from first principles", S&P 2022, arXiv:2112.03570.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

LEAST_SPREAD = 0.05  # in units of the statistic: shadows that agree by chance prove nothing
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shadows:
    """What shadow models did on each patient.

    Attributes
    ----------
    statistic : ndarray of float, shape (s, n)
        See `shadows.statistic`: high where the model is right and sure.
    trained_on : ndarray of bool, shape (s, n)
    """

    statistic: Array
    trained_on: NDArray[np.bool_]

    def __post_init__(self) -> None:
        seen = self.trained_on.sum(axis=0)
        if self.statistic.shape != self.trained_on.shape or not np.isfinite(self.statistic).all():
            raise ValueError("expected one finite statistic for each shadow and patient")
        if (seen == 0).any() or (seen == len(self.trained_on)).any():
            raise ValueError("expected each patient in some shadows and out of others; train more shadows")

    def without(self, pair: int) -> Shadows:
        """All but the shadows 2 `pair` and 2 `pair` + 1."""
        rows = [2 * pair, 2 * pair + 1]
        return Shadows(np.delete(self.statistic, rows, axis=0), np.delete(self.trained_on, rows, axis=0))


@dataclass(frozen=True)
class Scores:
    """Scores of each patient, shape (n,); high says "was trained on", 0 is undecided."""

    offline: Array  # in standard deviations of the models that did not see him
    online: Array  # log-likelihood ratio, natural logarithm


def scores(target: Array, shadows: Shadows) -> Scores:
    """Score each patient.

    Parameters
    ----------
    target : ndarray of float, shape (n,)
        The statistic of the model under attack, finite.
    shadows : Shadows
        At least one with and one without each patient. Spread is shared by all patients, which is more accurate than
        a spread for each unless there are very many shadows (section VI of [1]_).

    Returns
    -------
    Scores
    """
    inside, inside_spread = _level(shadows.statistic, shadows.trained_on)
    outside, outside_spread = _level(shadows.statistic, ~shadows.trained_on)
    aligned = _aligned(target, (inside + outside) / 2)
    ratio = norm.logpdf(aligned, inside, inside_spread) - norm.logpdf(aligned, outside, outside_spread)
    return Scores((aligned - outside) / outside_spread, ratio)


@dataclass(frozen=True)
class Game:
    """The attack on the training recipe itself: each patient once, against a shadow that he may have been in.

    Attributes
    ----------
    online : ndarray of float, shape (n,)
        As in `Scores`.
    member : ndarray of bool, shape (n,)
        Whether the shadow that stood for the target was trained on him.
    """

    online: Array
    member: NDArray[np.bool_]


def shadow_game(shadows: Shadows, rng: np.random.Generator) -> Game:
    """Let shadows stand for the target in turn; the others (but its complement) are the attacker's.

    The target then comes from the very distribution that the attacker knows, so this is what the training gives away
    at worst, were the site alone. A patient counts once, against one shadow drawn at random.

    Parameters
    ----------
    shadows : Shadows
        Of `shadows.train_shadows`, at least six.
    """
    count, n = shadows.statistic.shape
    drawn = rng.integers(0, count, size=n)
    online = np.zeros(n)
    for pair in range(count // 2):
        rest = shadows.without(pair)
        for shadow in (2 * pair, 2 * pair + 1):
            chosen = drawn == shadow
            online[chosen] = scores(shadows.statistic[shadow], rest).online[chosen]
    return Game(online, shadows.trained_on[drawn, np.arange(n)])


def _level(statistic: Array, rows: NDArray[np.bool_]) -> tuple[Array, float]:
    """Mean for each patient over some of the shadows, and the spread around it over all patients."""
    count = rows.sum(axis=0)
    mean = np.where(rows, statistic, 0).sum(axis=0) / count
    squares = (np.where(rows, statistic - mean, 0) ** 2).sum()
    freedom = max(int((count - 1).sum()), 1)
    return mean, max(float(np.sqrt(squares / freedom)), LEAST_SPREAD)


def _aligned(target: Array, middle: Array) -> Array:
    """The target's statistics on the shadows' scale: level and spread of the shadows' middle."""
    spread, wanted = float(target.std()), float(middle.std())
    factor = wanted / spread if spread > 0 and wanted > 0 else 1.0
    return (target - target.mean()) * factor + middle.mean()
