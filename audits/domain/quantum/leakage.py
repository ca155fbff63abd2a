"""How much of a protected attribute can be read from the model's representation, among patients with the same label.

An adversary is trained to guess the attribute from representation and label, on patients that the test does not use; a
single hold-out, since permuting pooled cross-validated guesses rejects 10 % of fair models at a nominal 5 %. On the
hold-out it is scored by three figures:

- the conditional AUC: the chance that, of two patients of one site and one label, one of either group, it ranks them
  rightly. 0.5: it guesses; 1: it always knows;
- the V-information [1]_ in bits a patient: how much better it predicts than the label alone; 0 or below: no better;
- a p-value: group names are permuted inside each site and label, with the adversary fixed.

All three are sums over sites, so a site returns sums only. Encoding an attribute is no harm by itself: it informs.

References
----------
.. [1] Xu et al., "A theory of usable information under computational constraints", ICLR 2020, arXiv:2002.10689.
.. [2] Newcombe, Statistics in Medicine 25 (2006), 559-573 (method 5 of the interval of an AUC).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.quantum_mmd import MIN_PER_GROUP, StratumCount, namings, p_value
from audits.domain.quantum.representation import in_spread_of
from federation.domain.data.dataset import UNKNOWN

Floats = NDArray[np.float64]
Guess = Callable[[NDArray[np.floating]], Floats]
Train = Callable[[NDArray[np.floating], NDArray[np.bool_]], Guess]
MIN_TO_LEARN = 8  # of either group, or an adversary has nothing to learn from
SUREST = 0.995  # a guess is cut to [1 - SUREST, SUREST], so that no single patient decides the bits


@dataclass(frozen=True)
class Patients:
    """Patients of one site.

    Attributes
    ----------
    representation : ndarray, shape (n, k), finite
    stratum : ndarray, shape (n,)
        The label, within which groups are compared.
    group : ndarray of str, shape (n,)
    """

    representation: NDArray[np.floating]
    stratum: NDArray
    group: NDArray

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        x = np.asarray(self.representation)
        if x.ndim != 2 or not len(x) == len(self.stratum) == len(self.group):
            shapes = x.shape, np.shape(self.stratum), np.shape(self.group)
            raise ValueError(f"expected (n, k), (n,) and (n,), got {shapes[0]}, {shapes[1]} and {shapes[2]}")
        if not np.isfinite(x).all():
            raise ValueError("expected finite values, got NaN or infinity. Impute or leave out those records first")

    def take(self, rows: NDArray) -> Patients:
        return Patients(self.representation[rows], self.stratum[rows], self.group[rows])

    @property
    def known(self) -> Patients:
        return self.take(np.flatnonzero(self.group != UNKNOWN))


@dataclass(frozen=True)
class AdversarySums:
    """One adversary at one site.

    Attributes
    ----------
    concordant : tuple of float, length permutations + 1
        Pairs ranked rightly (a tie counts half): observed, then permuted.
    bits, bits_squared : float
        Sum over patients of log2 of its probability over the label's, and of the squares.
    """

    concordant: tuple[float, ...]
    bits: float
    bits_squared: float


@dataclass(frozen=True)
class SiteLeakage:
    """One site's sums for one attribute. No patient can be read back."""

    site: str
    reference_group: str
    learned_from: int  # patients
    inputs: int  # columns that an adversary sees
    strata: tuple[StratumCount, ...]
    adversaries: Mapping[str, AdversarySums]

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping) -> SiteLeakage:
        """The inverse of `as_dict`, also after a trip through JSON."""
        strata = tuple(StratumCount(**row) for row in raw["strata"])
        sums = {
            name: AdversarySums(
                tuple(float(v) for v in row["concordant"]), float(row["bits"]), float(row["bits_squared"])
            )
            for name, row in raw["adversaries"].items()
        }
        return cls(raw["site"], raw["reference_group"], int(raw["learned_from"]), int(raw["inputs"]), strata, sums)

    @property
    def used(self) -> tuple[StratumCount, ...]:
        return tuple(row for row in self.strata if row.used)


@dataclass(frozen=True)
class Leakage:
    """What one adversary reads of one attribute, over all sites.

    Attributes
    ----------
    auc, lower, upper : float in [0, 1]
    bits, bits_lower, bits_upper : float
        V-information a patient. Below 0 the adversary has learned something untrue.
    p : float in (0, 1]
        One-sided, (1 + #) / (permutations + 1). Adjust with `holm` over attributes.
    n : int
        Patients of the hold-out.
    """

    auc: float
    lower: float
    upper: float
    bits: float
    bits_lower: float
    bits_upper: float
    p: float
    n: int


def site_leakage(
    learn: Patients,
    test: Patients,
    adversaries: Mapping[str, Train],
    *,
    site: str,
    reference_group: str,
    permutations: int = 499,
    rng: np.random.Generator,
) -> SiteLeakage:
    """Train the adversaries on some patients and score them on others.

    Parameters
    ----------
    learn, test : Patients
        Disjoint; see `hold_out` if there is one set only. ``unknown`` groups are left out. Both are put in units of the
        spread of `learn`.
    adversaries : mapping of name to function
        ``train(x, attribute)`` gives ``guess(x)``, the probability of the reference group.
    permutations : int, >= 19
        Every site of a test must use the same number.

    Returns
    -------
    SiteLeakage
        Without adversaries where there are too few patients to learn from or to compare.
    """
    if permutations < 19:
        raise ValueError(f"expected at least 19 permutations (19 can just reach p = 0.05), got {permutations}")
    learn, test = learn.known, test.known
    labels = np.unique(np.concatenate([learn.stratum, test.stratum]))
    counts = tuple(_count(test, label, reference_group) for label in np.unique(test.stratum))
    inputs = test.representation.shape[1] + len(labels) - 1
    strata = [row for row in counts if row.used]
    if not can_learn(learn, reference_group) or not strata:
        return SiteLeakage(site, reference_group, len(learn.group), inputs, counts, {})
    member = learn.group == reference_group
    rows = [np.flatnonzero(test.stratum.astype(str) == row.stratum) for row in strata]
    sizes = [len(part) for part in rows]
    held = test.take(np.concatenate(rows))
    truth = held.group == reference_group
    named = np.hstack([namings(part, permutations, rng) for part in np.split(truth, np.cumsum(sizes)[:-1])])
    by_label = _probability_of(truth, _label_rates(learn, held, member))
    known, unseen = (_seen(patients, learn, labels) for patients in (learn, held))
    found = {}
    for name, train in adversaries.items():
        guess = train(known, member)(unseen)
        bits = np.log2(_probability_of(truth, guess) / by_label)
        pairs = _concordant(guess, named, sizes)
        found[name] = AdversarySums(tuple(pairs.tolist()), float(bits.sum()), float((bits**2).sum()))
    return SiteLeakage(site, reference_group, len(learn.group), inputs, counts, found)


def can_learn(patients: Patients, reference_group: str) -> bool:
    """Whether there are enough patients of either group to train an adversary on."""
    known = patients.known.group
    reference = int((known == reference_group).sum())
    return min(reference, len(known) - reference) >= MIN_TO_LEARN


def hold_out(patients: Patients, rng: np.random.Generator) -> tuple[Patients, Patients]:
    """A random half to learn from and the other half to test on."""
    order = rng.permutation(len(patients.group))
    half = len(order) // 2
    return patients.take(np.sort(order[:half])), patients.take(np.sort(order[half:]))


def combine(sites: Sequence[SiteLeakage], adversary: str, *, confidence: float = 0.95) -> Leakage | None:
    """One adversary over all sites; None where no site could score it.

    Raises
    ------
    ValueError
        If sites differ in reference group or permutations, or one comes twice.
    """
    if len({s.site for s in sites}) != len(sites):
        raise ValueError(f"expected each site once, got {sorted(s.site for s in sites)}")
    taking_part = [s for s in sites if adversary in s.adversaries]
    if not taking_part:
        return None
    sums = [s.adversaries[adversary] for s in taking_part]
    orders = {(s.reference_group, len(row.concordant)) for s, row in zip(taking_part, sums, strict=True)}
    if len(orders) > 1:
        raise ValueError(f"expected one reference group and number of permutations at all sites, got {sorted(orders)}")
    sizes = [(row.reference, row.others) for s in taking_part for row in s.used]
    concordant = np.sum([row.concordant for row in sums], axis=0)
    auc = float(concordant[0] / sum(a * b for a, b in sizes))
    n = sum(a + b for a, b in sizes)
    bits = sum(row.bits for row in sums) / n
    variance = max(0.0, sum(row.bits_squared for row in sums) / n - bits**2)
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * float(np.sqrt(variance / n))
    lower, upper = auc_interval(auc, sizes, confidence)
    return Leakage(auc, lower, upper, bits, bits - reach, bits + reach, p_value(concordant), n)


def auc_interval(auc: float, sizes: Sequence[tuple[int, int]], confidence: float) -> tuple[float, float]:
    """Interval of an AUC pooled over strata by pairs, by inversion of its approximate variance [2]_.

    Parameters
    ----------
    auc : float in [0, 1]
    sizes : for each stratum, the patients of either group
    """
    from scipy.optimize import brentq  # not at the top: pages load the checks, which load this

    z = NormalDist().inv_cdf(0.5 + confidence / 2)

    def reach(true: float) -> float:
        spread = (1 - true) / (2 - true) + true / (1 + true)
        total = sum(a * b for a, b in sizes)
        variance = sum(a * b * true * (1 - true) * (1 + ((a + b) / 2 - 1) * spread) for a, b in sizes) / total**2
        return z * float(np.sqrt(variance))

    # An AUC of 0 or 1 solves both equations by itself, since there its variance is 0: look beside it.
    lower = brentq(lambda true: auc - true - reach(true), 0.0, auc * (1 - 1e-9)) if auc > 0 else 0.0
    upper = brentq(lambda true: auc - true + reach(true), auc + (1 - auc) * 1e-9, 1.0) if auc < 1 else 1.0
    return float(lower), float(upper)


def _count(patients: Patients, label: object, reference_group: str) -> StratumCount:
    member = patients.group[patients.stratum == label] == reference_group
    reference, others = int(member.sum()), int((~member).sum())
    return StratumCount(str(label), reference, others, min(reference, others) >= MIN_PER_GROUP)


def _seen(patients: Patients, learn: Patients, labels: NDArray) -> Floats:
    """What an adversary sees: the representation in units of `learn`, and the label one-hot (-1 and 1)."""
    columns = in_spread_of(learn.representation, patients.representation)
    return np.column_stack([columns, *(2.0 * (patients.stratum == label) - 1 for label in labels[1:])])


def _label_rates(learn: Patients, held: Patients, member: NDArray[np.bool_]) -> Floats:
    """The share of the reference group by label, where the adversary learns; one more of either group is imagined."""
    rate = np.empty(len(held.group))
    for label in np.unique(held.stratum):
        same = learn.stratum == label
        rate[held.stratum == label] = (member[same].sum() + 1) / (same.sum() + 2)
    return rate


def _probability_of(truth: NDArray[np.bool_], guess: Floats) -> Floats:
    kept = np.clip(guess, 1 - SUREST, SUREST)
    return np.where(truth, kept, 1 - kept)


def _concordant(guess: Floats, named: NDArray[np.bool_], sizes: Sequence[int]) -> Floats:
    """Pairs of the same stratum that are ranked rightly, for each naming: Mann and Whitney's U, added up."""
    from scipy.stats import rankdata

    total = np.zeros(len(named))
    ends = np.cumsum(sizes)
    for start, end in zip(ends - sizes, ends, strict=True):
        members = named[:, start:end]
        m = members[0].sum()
        total += members @ rankdata(guess[start:end]) - m * (m + 1) / 2
    return total
