"""What an audit of a model found."""

from typing import Literal

from .kinds import Count, Identifier, Instant, Label, Probability, Record, Text, Verdict


class Bias(Record, frozen=True, kw_only=True):
    """The largest gap between groups in any rate, 0 (same for all groups) to 1, with its interval and verdict."""

    score: Probability
    low: Probability
    high: Probability
    level: Probability = 0.95  # coverage of [low, high]
    threshold: Probability = 0.1
    verdict: Verdict
    n: Count  # cases behind the score


class WorstGap(Record, frozen=True, kw_only=True):
    metric: Label
    group_low: Label  # group with the smaller rate
    group_high: Label
    rate_low: Probability
    rate_high: Probability


class Discrepancy(Record, frozen=True, kw_only=True):
    """Two-sample test between groups: small p-values say that the model's outputs differ by group."""

    p_quantum: Probability
    p_rbf: Probability  # the classical kernel on the same samples
    backend: Label
    shots: Count | None  # None: exact simulation
    seed: int
    depth: Count | None = None
    noise_model: Label | None = None
    permutations: Count
    n: Count


class Explanation(Record, frozen=True, kw_only=True):
    """LIME interpretability, 0 (explanations never match) to 1."""

    score: Probability
    low: Probability | None = None
    high: Probability | None = None
    target: Probability = 0.8
    n: Count


class GroupMetric(Record, frozen=True, kw_only=True):
    """An AIF360 group fairness metric; fair at `ideal` (0 for differences, 1 for ratios)."""

    name: Label
    attribute: Label
    value: float
    ideal: float
    low: float | None = None
    high: float | None = None


class AttackTest(Record, frozen=True, kw_only=True):
    name: Label
    statistic: Label
    value: float
    low: float | None = None
    high: float | None = None
    limit: Label  # in words, e.g. "AUC at most 0.60"
    verdict: Verdict


class NotAssessed(Record, frozen=True, kw_only=True):
    check: Label
    reason: Text


class CheckOutcome(Record, frozen=True, kw_only=True):
    """One check of an audit: what came out, in the audit's own words."""

    principle: Label
    name: Label
    weight: Label  # whether it must pass, a fail decides, or it only informs
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT ASSESSABLE", "NOT APPLICABLE"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    said: Text


class Audit(Record, frozen=True, kw_only=True):
    id: Identifier
    model: Label
    phase: Literal["pre-deployment", "runtime", "post-hoc"]
    completed_at: Instant
    bias: Bias | None = None
    worst_gap: WorstGap | None = None
    discrepancy: Discrepancy | None = None
    explanation: Explanation | None = None
    group_metrics: list[GroupMetric] = []
    attacks: list[AttackTest] = []
    not_assessed: list[NotAssessed] = []
    checks: list[CheckOutcome] = []  # every check, by principle; empty in reports from before audits kept them so
