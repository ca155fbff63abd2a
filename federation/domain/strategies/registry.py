"""All aggregation rules, by the name that a run configuration gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from federation.domain.strategies.base import Strategy
from federation.domain.strategies.fedadam import FedAdam
from federation.domain.strategies.fedavg import FedAvg
from federation.domain.strategies.feddyn import FedDyn
from federation.domain.strategies.fedprox import FedProx
from federation.domain.strategies.krum import Krum
from federation.domain.strategies.median import Median
from federation.domain.strategies.qifa import Qifa
from federation.domain.strategies.trimmed_mean import TrimmedMean

RULES: dict[str, type[Strategy]] = {
    rule.name: rule for rule in (FedAvg, FedProx, FedAdam, FedDyn, Qifa, Krum, TrimmedMean, Median)
}


def strategy(name: str, options: Mapping[str, Any] | None = None) -> Strategy:
    """The rule of this name; options that are not given have their defaults.

    Raises
    ------
    ValueError
        If there is no such rule or option, or a value is out of range.
    """
    if name not in RULES:
        raise ValueError(f"expected a strategy among {', '.join(RULES)}, got {name!r}")
    rule, options = RULES[name], options or {}
    known = {option.name for option in fields(rule)}
    if unknown := sorted(set(options) - known):
        takes = f"the options {', '.join(sorted(known))}" if known else "no options"
        raise ValueError(f"{rule.title} takes {takes}, got {', '.join(map(str, unknown))}")
    return rule(**options)
