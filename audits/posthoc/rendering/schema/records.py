"""What happened in the period: models, training, decisions, deployments, halts, appeals."""

import datetime as dt
from typing import Literal

from .kinds import Count, Identifier, Instant, Label, NonNegative, Probability, Record, Sha256, Text


class Period(Record, frozen=True, kw_only=True):
    start: dt.date  # first day, inclusive
    end: dt.date  # last day, inclusive


class Institution(Record, frozen=True, kw_only=True):
    id: Identifier
    name: Label


class Model(Record, frozen=True, kw_only=True):
    """A model version under governance in the period."""

    id: Identifier
    name: Label
    version: Label
    state: Label  # lifecycle state at the period's end
    intended_use: Text
    weights_sha256: Sha256
    card_sha256: Sha256 | None = None
    card_completeness: Probability | None = None  # share of the required card elements that are filled


class Privacy(Record, frozen=True, kw_only=True):
    """Differential privacy spent by a training run: smaller is stronger, 0 would reveal nothing."""

    epsilon: NonNegative
    delta: Probability
    mechanism: Label


class TrainingRun(Record, frozen=True, kw_only=True):
    id: Identifier
    model: Label  # name and version trained
    strategy: Label
    state: Label
    rounds_planned: Count
    rounds_completed: Count
    sites: list[Label]
    started_at: Instant
    finished_at: Instant | None = None
    privacy: Privacy | None = None  # None: no differential privacy
    config_sha256: Sha256


class Approval(Record, frozen=True, kw_only=True):
    id: Identifier
    subject: Label
    actor: Identifier  # pseudonym, never a name
    role: Label
    institution: Label
    decision: Literal["approved", "rejected", "withdrawn", "revoked", "abstained", "change requested"]
    decided_at: Instant
    content_sha256: Sha256
    anchored_as: Literal["signature", "commitment", "not anchored"]


class Deployment(Record, frozen=True, kw_only=True):
    id: Identifier
    model: Label
    institution: Label
    kind: Literal["clinical", "shadow"]
    state: Label
    since: Instant
    predictions: Count
    outcomes: Count


class Reinstatement(Record, frozen=True, kw_only=True):
    at: Instant
    by: list[Label]  # role and institution of each deciding officer
    reason: Text


class Incident(Record, frozen=True, kw_only=True):
    """A halt or another incident; detector figures are None where no detector raised it."""

    id: Identifier
    kind: Literal["automatic halt", "manual halt", "halt by chain", "incident"]
    deployment: Identifier | None = None  # None: not about one deployment
    at: Instant
    description: Text
    metric: Label | None = None
    groups: list[Label] = []
    gap: Probability | None = None
    wealth: NonNegative | None = None  # evidence against fairness; the detector halts at `threshold`
    threshold: NonNegative | None = None
    reinstatement: Reinstatement | None = None


class Appeals(Record, frozen=True, kw_only=True):
    received: Count
    upheld: Count  # the contested answer no longer stands; an appeal's page says that of "changed"
    rejected: Count  # the contested answer stands; an appeal's page says "upheld"
    open: Count  # still open when the period ended
    carried_over: Count = 0  # open when the period began
    withdrawn: Count = 0  # by who filed them


class Change(Record, frozen=True, kw_only=True):
    at: Instant
    subject: Label
    before: Label
    after: Label
    entry: Count | None = None  # of the ledger; None: see the trace of the item itself
