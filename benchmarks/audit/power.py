"""Power curves: how often each attack and each test of bias finds what was planted, by how strongly it was planted.

Every row is a share of simulated models or patients with its 95 % Clopper-Pearson interval, beside a planted strength
whose true size is known. At strength 0, or at the tolerated limit, the share is the rate of false alarms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import norm

from audits.domain.attacks.attribute import Patients as Targets
from audits.domain.attacks.attribute import guess
from audits.domain.attacks.bounds import lower_bound, upper_bound
from audits.domain.attacks.inversion import Search
from audits.domain.attacks.membership import ScoreCounts
from audits.domain.attacks.places import EVERYONE, places_of, separations, verdict_over
from audits.domain.attacks.reconstruction import Effort, from_steps, merged
from audits.domain.attacks.similarity import yardstick
from audits.domain.fairness.quantum_kernel import KernelOrder
from audits.domain.fairness.quantum_mmd import combine as combined_mmd
from audits.domain.fairness.quantum_mmd import site_statistics
from audits.domain.quantum.adversaries import NAMES, AdversarySettings, train
from audits.domain.quantum.leakage import Patients, combine, site_leakage
from audits.domain.verdict import Verdict
from audits.predeployment.checks.attribute_inference import ATTACKERS, AttributeInference
from audits.predeployment.checks.membership import Membership
from audits.predeployment.checks.membership_evidence import WAYS_TO_FAIL
from audits.predeployment.checks.running import settings_of
from benchmarks.audit.battery import SETS
from benchmarks.frame import Measure, progress
from federation.domain.data.dataset import split
from federation.domain.data.registry import open_source
from federation.domain.learning.config import DPConfig
from federation.domain.models.registry import build, default_specs
from federation.domain.paired import PairedSums

SITES_BESIDE, FAIR_SIZE = 4, (2000, 1400)
LEAKS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)  # standard deviations between the scores of members and of others
MEMBERS = (60, 200, 600)  # at the leaking site, with 7 others for 10 members, as the platform splits
NOISES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
GAINS = (0.0, 1.0, 2.0, 3.0)  # standard deviations between the answers on the two groups
SHIFTS = (0.0, 0.2, 0.35, 0.5, 0.75)
SLOPES = (0.0, 0.6, 1.2, 2.4)  # of the group's log-odds in one column of the representation


def share(metric: str, found: int, runs: int, note: str) -> Measure:
    """A row: how many of the runs found something."""
    low, high = (bound(found, runs, confidence=0.975) for bound in (lower_bound, upper_bound))
    return Measure(metric, found / runs, "share", runs=runs, note=f"{note}; 95 % interval {low:.3f} to {high:.3f}")


def scores(size: tuple[int, int], leak: float, rng: np.random.Generator) -> ScoreCounts:
    """One site whose members score `leak` standard deviations higher."""
    member = np.arange(sum(size)) < size[0]
    return ScoreCounts.of(rng.normal(size=sum(size)) + leak * member, member, rng.permutation(sum(size)) % 2)


def membership(*, quick: bool) -> Iterator[Measure]:
    """One site leaks and four do not; by the worst place, and by the pooled patients alone."""
    runs, rng = (20 if quick else 200), np.random.default_rng(21)
    settings = settings_of(Membership())
    limits = {key: settings[key] for key in ("max_advantage", "max_tpr")}
    error = (1 - settings["confidence"]) / WAYS_TO_FAIL
    for members in MEMBERS[:1] if quick else MEMBERS:
        size = (members, round(0.7 * members))
        places = places_of({"leaky": size} | {f"fair-{i}": FAIR_SIZE for i in range(SITES_BESIDE)})
        for leak in LEAKS:
            failed = pooled = 0
            for _ in range(runs):
                tables = {f"fair-{i}": scores(FAIR_SIZE, 0.0, rng) for i in range(SITES_BESIDE)}
                tables["leaky"] = scores(size, leak, rng)
                shown = separations(tables, places, delta=0.0, error=error)
                every = {place: one for place, one in shown.items() if one is not None}
                failed += verdict_over(every.values(), **limits) is Verdict.FAIL
                pooled += verdict_over([every[EVERYONE]], **limits) is Verdict.FAIL
            true = f"advantage {2 * norm.cdf(leak / 2) - 1:.2f}, TPR at 1 % {norm.sf(norm.isf(0.01) - leak):.2f}"
            beside = f"beside {SITES_BESIDE} fair sites of {FAIR_SIZE[0]} + {FAIR_SIZE[1]}"
            note = f"FAIL; {size[0]} + {size[1]} patients, leak {leak:g} SD ({true}), {beside}"
            yield share("audit.power.membership", failed, runs, f"{note}; pooled alone {pooled / runs:.3f}")


def membership_fair(*, quick: bool) -> Iterator[Measure]:
    """False alarms of all three attacks over many sites of a fair model; and again with limits at what is true."""
    runs, rng = (20 if quick else 500), np.random.default_rng(22)
    error = 0.05 / WAYS_TO_FAIL
    sizes = {f"site-{i}": (100, 70) for i in range(8)} | {f"small-{i}": (20, 14) for i in range(2)}
    places = places_of(sizes)
    failed = {"default limits": 0, "limits that a fair model touches": 0}
    for _ in range(runs):
        shown = []
        for _attack in range(3):
            tables = {site: scores(size, 0.0, rng) for site, size in sizes.items()}
            shown += [one for one in separations(tables, places, delta=0.0, error=error).values() if one is not None]
        failed["default limits"] += verdict_over(shown, max_advantage=0.2, max_tpr=0.1) is Verdict.FAIL
        failed[list(failed)[1]] += verdict_over(shown, max_advantage=0.0, max_tpr=0.01) is Verdict.FAIL
    for name, count in failed.items():
        note = f"FAIL; fair model, 8 sites of 100 + 70 and 2 of 20 + 14, three independent attacks, {name}"
        yield share("audit.power.membership_fair", count, runs, note)


def reconstruction(*, quick: bool) -> Iterator[Measure]:
    """Patients of a real site found from their own step, by the noise that is added to it."""
    name, _, folder = SETS["heart"].partition(":")
    if not Path(folder).exists():
        progress(f"audit: {SETS['heart']} is not here, so reconstruction is not measured")
        return
    parts = split(open_source(f"{name}:{folder}").load("cleveland"), seed=7)
    data = parts.train.take(np.arange(min(parts.train.n_patients, 12 if quick else 100)))
    yard = yardstick(np.concatenate([parts.train.x, parts.audit.x]), parts.validation.x)
    effort = Effort(Search(steps=20 if quick else 80, restarts=1), dummies=1)
    for kind, spec in zip(("circuit", "twin"), default_specs(data.task, data.x.shape[1]), strict=True):
        for noise in NOISES:
            dp = DPConfig(noise_multiplier=noise, max_grad_norm=0.5, delta=1e-4) if noise else None
            found = from_steps(build(spec, seed=3), data, tau=yard.tau, effort=effort,
                               rng=np.random.default_rng(23), dp=dp)  # fmt: skip
            by = merged([found], data.n_patients)
            ways = f"analytic {by['analytic'].sum()}, cosine {by['cosine'].sum()}"
            said = f"noise multiplier {noise:g}, clipped at 0.5" if noise else "bare"
            note = f"reconstructed from one patient's step; heart, {kind}, {said}; {ways}"
            yield share("audit.power.reconstruction", int(by["any"].sum()), data.n_patients, note)


def attribute(*, quick: bool) -> Iterator[Measure]:
    """A model whose answers differ between two groups: what the check says of 200 training patients."""
    runs, rng = (3 if quick else 40), np.random.default_rng(24)
    limit = settings_of(AttributeInference())["max_advantage"]

    def people(n: int, leak: float) -> Targets:
        member = rng.random(n) < 0.5
        answer = rng.normal(size=n) + leak * member
        others = np.column_stack([rng.normal(size=(n, 5)), rng.normal(size=n) + 0.5 * member])
        return Targets(others, {"primary": np.column_stack([answer, answer > 0])}, np.where(member, "a", "b"))

    for leak in GAINS:
        failed = passed = 0
        gains = []
        for run in range(runs):
            known, targets = people(150, leak), {"train": people(200, leak)}
            bounds = []
            for attacker in ATTACKERS:
                right = guess(attacker, known, targets, seed=run)["train"]
                sums = PairedSums.of(right.with_model["primary"], right.without)
                gains.append(sums.difference)
                bounds.append(sums.interval(1 - 0.05 / len(ATTACKERS), binary=True))
            failed += max(low for low, _ in bounds) > limit
            passed += max(high for _, high in bounds) <= limit
        note = f"FAIL; 150 known and 200 attacked, answers {leak:g} SD apart; mean gain {np.mean(gains):+.3f}"
        yield share("audit.power.attribute_inference", failed, runs, f"{note}; PASS {passed / runs:.3f}")


def mmd(*, quick: bool) -> Iterator[Measure]:
    """One column of the representation shifted in one group; both kernels on the same patients."""
    runs, n = (5, 60) if quick else (100, 200)
    for shift in SHIFTS:
        rng = np.random.default_rng(25)
        flagged = np.zeros(2, dtype=int)
        for model in range(runs):
            of = rng.random(n) < 0.5
            label = rng.binomial(1, np.where(of, 0.5, 0.3))
            x = rng.normal(size=(n, 4))
            x[:, 0] += 1.2 * (2 * label - 1) + shift * of
            one = site_statistics(x, label, np.where(of, "a", "b"), site="one", reference_group="a",
                                  order=KernelOrder(), seed=model, permutations=99 if quick else 199)  # fmt: skip
            found = combined_mmd([one])
            flagged += [found.p_quantum <= 0.05, found.p_rbf <= 0.05]
        for kernel, count in zip(("quantum kernel", "RBF kernel"), flagged, strict=True):
            note = f"p at most 0.05; {kernel}, {n} patients, score shifted by {shift:g} SD"
            yield share("audit.power.quantum_mmd", int(count), runs, note)


def leakage(*, quick: bool) -> Iterator[Measure]:
    """A group that shows in one column of the representation beyond the label, read by three adversaries."""
    runs, settings = (2 if quick else 25), AdversarySettings()

    def people(n: int, slope: float, rng: np.random.Generator) -> Patients:
        label = rng.integers(0, 2, n)
        x = rng.normal(size=(n, 4))
        x[:, 0] += 1.5 * (2 * label - 1)
        member = rng.random(n) < 1 / (1 + np.exp(-slope * x[:, 1]))
        return Patients(x, label, np.where(member, "a", "b"))

    for slope in SLOPES:
        rng = np.random.default_rng(26)
        found: dict[str, list] = {name: [] for name in NAMES}
        for model in range(runs):
            trained = {name: partial(train, name, settings=settings, seed=model) for name in NAMES}
            site = site_leakage(people(220, slope, rng), people(160, slope, rng), trained, site="one",
                                reference_group="a", permutations=99, rng=rng)  # fmt: skip
            for name in NAMES:
                found[name].append(combine([site], name))
        for name, rows in found.items():
            mean, failed = np.mean([row.auc for row in rows]), np.mean([row.lower > 0.7 for row in rows])
            note = f"p at most 0.05; {name}, 220 + 160 patients, slope {slope:g}: mean AUC {mean:.2f}"
            flagged = sum(row.p <= 0.05 for row in rows)
            yield share("audit.power.leakage", flagged, runs, f"{note}; lower bound over 0.7 in {failed:.2f}")


def measure(*, quick: bool) -> Iterator[Measure]:
    """Every curve, one after the other, on one thread."""
    torch.set_num_threads(1)
    for curve in (membership, membership_fair, reconstruction, attribute, mmd, leakage):
        progress(f"audit: power of {curve.__name__}")
        yield from curve(quick=quick)
