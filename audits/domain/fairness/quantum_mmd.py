"""Do two groups look different to the model, among patients with the same label? A permutation test, federated.

The statistic is T = sum over labels of n_y * MMD_u^2: the unbiased squared distance between the groups' mean states in
a kernel's feature space. Group names are permuted inside each label and inside each site, so neither a difference in
prevalence nor one between hospitals is taken for bias. Sites return T and its permuted values only; adding them up over
sites gives the permutation distribution of the sum.

It sees differences of distribution that no threshold metric shows. It gives a p-value, never a magnitude: it informs,
and never enters the bias score. The RBF kernel is always reported beside the quantum one, which in our measurements was
not the better of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.quantum_kernel import BACKEND, LAYERS, KernelOrder, circuit_depth, quantum_gram, rbf_gram
from audits.domain.verdict import Verdict
from federation.domain.data.dataset import UNKNOWN
from federation.domain.intervals import clopper_pearson

Floats = NDArray[np.float64]
MIN_PER_GROUP = 5


@dataclass(frozen=True)
class StratumCount:
    """Records of one label at one site, by group; used only if both have at least five."""

    stratum: str
    reference: int
    others: int
    used: bool


@dataclass(frozen=True)
class SiteMMD:
    """One site's share of the test. Element 0 is the observed T, the rest are permuted. No record can be read back.

    `quantum` and `rbf` have shape (permutations + 1,); all zero where no stratum could be used.
    """

    site: str
    reference_group: str
    quantum: tuple[float, ...]
    rbf: tuple[float, ...]
    strata: tuple[StratumCount, ...]
    n: int
    n_left_out: int
    qubits: int
    seed: int
    order: KernelOrder

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping) -> SiteMMD:
        """The inverse of `as_dict`, also after a trip through JSON."""
        order = raw["order"]
        listed = {k: tuple(order[k]) if order[k] is not None else None for k in ("centre", "scale")}
        plain = {k: raw[k] for k in ("site", "reference_group", "n", "n_left_out", "qubits", "seed")}
        return cls(
            quantum=tuple(raw["quantum"]),
            rbf=tuple(raw["rbf"]),
            strata=tuple(StratumCount(**row) for row in raw["strata"]),
            order=KernelOrder(**(order | listed)),
            **plain,
        )


@dataclass(frozen=True)
class MMDResult:
    """The federated test of one attribute.

    Attributes
    ----------
    verdict : Verdict
        Informational. PASS: no difference found at `alpha` (not: none exists); FAIL: a difference found (flag for a
        person to look at); NOT_ASSESSABLE: no stratum with five of both anywhere. Adjust with `holm` over attributes.
    p_quantum, p_rbf : float in (0, 1], or None
        Share of relabellings at least as extreme as the data, (1 + #) / (B + 1).
    p_interval : tuple of two floats, or None
        95 % interval of `p_quantum` for the finite number of permutations.
    facts : backend, qubits, depth, shots, noise, seed, bandwidth and where it comes from
    """

    verdict: Verdict
    p_quantum: float | None
    p_rbf: float | None
    p_interval: tuple[float, float] | None
    alpha: float
    permutations: int
    reference_group: str
    n: int
    sites: tuple[str, ...]
    strata: tuple[tuple[str, StratumCount], ...]
    facts: Mapping[str, object]
    sentence: str

    @property
    def flagged(self) -> bool | None:
        """Whether a person should look at it; None if there was nothing to test."""
        return None if self.p_quantum is None else self.verdict is Verdict.FAIL

    def as_dict(self) -> dict:
        strata = [{"site": site, **asdict(row)} for site, row in self.strata]
        return asdict(self) | {"verdict": self.verdict.value, "strata": strata, "facts": dict(self.facts)}


def site_statistics(
    representation: NDArray[np.floating],
    strata: NDArray,
    group: NDArray,
    *,
    site: str,
    reference_group: str,
    order: KernelOrder | None = None,
    permutations: int = 199,
    seed: int,
    max_records: int = 400,
) -> SiteMMD:
    """A site's observed and permuted statistics, for the reference group against all other known groups.

    Parameters
    ----------
    representation : ndarray, shape (n, k), k <= 8
        What the model makes of each record (e.g. four principal scores), finite.
    strata : ndarray, shape (n,)
        The label; groups are compared, and permuted, within it.
    group : ndarray of str, shape (n,)
        ``unknown`` is left out.
    permutations : int, >= 19
        Every site of a test must use the same number.
    seed : int
        Mixed with the site's name, so that sites permute independently.
    max_records : int
        A random subset of so many records is taken from a larger site; time and memory grow with its square.

    Raises
    ------
    ValueError
        On shapes that do not match, values that are not finite, or too few permutations.
    """
    order = order or KernelOrder()
    x = _checked(representation, strata, group, permutations)
    rng = np.random.default_rng(np.random.SeedSequence([seed, *site.encode()]))
    known = np.flatnonzero(np.asarray(group) != UNKNOWN)
    kept = np.sort(rng.choice(known, max_records, replace=False)) if len(known) > max_records else known
    x = order.standardise(x[kept])
    labels = np.asarray(strata)[kept]
    reference = np.asarray(group)[kept] == reference_group
    quantum, rbf = np.zeros(permutations + 1), np.zeros(permutations + 1)
    counts = []
    for label in np.unique(labels):
        rows = labels == label
        member = reference[rows]
        used = min(int(member.sum()), int((~member).sum())) >= MIN_PER_GROUP
        counts.append(StratumCount(str(label), int(member.sum()), int((~member).sum()), used))
        if used:
            named = namings(member, permutations, rng)
            quantum += scaled_mmd(quantum_gram(x[rows], order, rng=rng), named)
            rbf += scaled_mmd(rbf_gram(x[rows]), named)
    return SiteMMD(
        site, reference_group, tuple(quantum.tolist()), tuple(rbf.tolist()), tuple(counts), len(kept),
        len(np.asarray(group)) - len(kept), x.shape[1], seed, order,
    )  # fmt: skip


def _checked(representation: NDArray, strata: NDArray, group: NDArray, permutations: int) -> Floats:
    x = np.asarray(representation, dtype=float)
    if x.ndim != 2 or not len(x) == len(strata) == len(group):
        raise ValueError(f"expected (n, k), (n,) and (n,), got {x.shape}, {np.shape(strata)} and {np.shape(group)}")
    if not np.isfinite(x).all():
        raise ValueError("expected finite values, got NaN or infinity. Impute or leave out those records first")
    if permutations < 19:
        raise ValueError(f"expected at least 19 permutations (19 can just reach p = 0.05), got {permutations}")
    return x


def namings(member: NDArray[np.bool_], permutations: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Who is of the reference group: as it is, then in random order; shape (n,) to (permutations + 1, n)."""
    return np.vstack([member, rng.permuted(np.tile(member, (permutations, 1)), axis=1)])


def scaled_mmd(gram: Floats, members: NDArray[np.bool_]) -> Floats:
    """Records times unbiased squared MMD of one stratum, n * MMD_u^2, for several namings of the groups.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
    members : ndarray of bool, shape (b, n)
        Each row names the reference group; all rows have the same number of members, at least 2 on either side.

    Returns
    -------
    ndarray, shape (b,)
        Near 0, and sometimes below, if the groups look alike.

    References
    ----------
    .. [1] Gretton et al., JMLR 13 (2012), 723-773, eq. 3.
    """
    z = members.astype(float)
    n = len(gram)
    m = float(z[0].sum())
    itself = gram.diagonal()  # a record is not compared with itself
    rows = z @ gram - z * itself
    inside = np.einsum("bn,bn->b", rows, z)
    across = rows.sum(axis=1) - inside
    outside = gram.sum() - itself.sum() - 2 * across - inside
    rest = n - m
    return n * (inside / (m * (m - 1)) + outside / (rest * (rest - 1)) - 2 * across / (m * rest))


def combine(sites: Sequence[SiteMMD], *, alpha: float = 0.05) -> MMDResult:
    """The test over all sites.

    Raises
    ------
    ValueError
        If there is no site, one comes twice, or sites differ in order, reference group or permutations.
    """
    if not sites:
        raise ValueError("expected the statistics of at least one site, got none")
    first = sites[0]
    if len({s.site for s in sites}) != len(sites):
        raise ValueError(f"expected each site once, got {sorted(s.site for s in sites)}")
    for s in sites:
        same = (s.order, s.reference_group, s.qubits, len(s.quantum), len(s.rbf))
        want = (first.order, first.reference_group, first.qubits, len(first.quantum), len(first.quantum))
        if same != want:
            raise ValueError(
                f"expected every site to follow one order, got another from {s.site}: {same} against {want}"
            )
    permutations = len(first.quantum) - 1
    strata = tuple((s.site, row) for s in sites for row in s.strata)
    taking_part = tuple(s.site for s in sites if any(row.used for row in s.strata))
    n = sum(row.reference + row.others for _, row in strata if row.used)
    facts = _facts(first)
    if not taking_part:
        verdict = Verdict.NOT_ASSESSABLE
        text = f"No site has {MIN_PER_GROUP} patients of both groups with the same label. {verdict.explanation}"
        return MMDResult(
            verdict, None, None, None, alpha, permutations, first.reference_group, 0, (), strata, facts, text
        )
    p_quantum = p_value(np.sum([s.quantum for s in sites], axis=0))
    p_rbf = p_value(np.sum([s.rbf for s in sites], axis=0))
    verdict = Verdict.FAIL if p_quantum <= alpha else Verdict.PASS
    extreme = round(p_quantum * (permutations + 1)) - 1
    interval = clopper_pearson(extreme, permutations, 0.95)
    found = "A difference" if verdict is Verdict.FAIL else "No difference"
    text = (
        f"{found} in how the model represents {first.reference_group} and other patients with the same label was found "
        f"(quantum kernel p = {p_quantum:.3f}, RBF kernel p = {p_rbf:.3f}, {n} patients; sites: "
        f"{', '.join(taking_part)}). "
        "A p-value says nothing about the size of a difference, and this does not enter the bias score."
    )
    return MMDResult(
        verdict, p_quantum, p_rbf, interval, alpha, permutations, first.reference_group, n, taking_part, strata,
        facts, text,
    )  # fmt: skip


def p_value(statistics: Floats) -> float:
    """Share of namings at least as extreme as the data, (1 + #) / (B + 1).

    Parameters
    ----------
    statistics : ndarray, shape (B + 1,)
        The observed statistic, then those of B permutations; large is extreme.
    """
    # A hair of tolerance: a permutation that equals the data must count, whatever the order of the additions.
    tolerance = 1e-9 * max(1.0, abs(float(statistics[0])))
    return float((1 + np.sum(statistics[1:] >= statistics[0] - tolerance)) / len(statistics))


def _facts(s: SiteMMD) -> dict[str, object]:
    return {
        "backend": BACKEND,
        "qubits": s.qubits,
        "layers": LAYERS,
        "depth": circuit_depth(s.qubits),
        "shots": "analytic" if s.order.shots is None else s.order.shots,
        "noise_model": "none",
        "seed": s.seed,
        "bandwidth": s.order.bandwidth,
        "bandwidth_chosen": "in the audit order, before any site's data were opened",
        "baseline": "RBF kernel, squared length scale = number of columns",
    }


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values: flag those at most alpha, and the chance of any false flag is at most alpha.

    References
    ----------
    .. [1] Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    out: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: (p_values[key], key))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        out[name] = largest
    return out
