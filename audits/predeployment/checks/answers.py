"""What the sites answered, read with suspicion: a signature says who sent something, not that it makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from audits.domain.explain.conclusion import SiteExplanation
from audits.domain.fairness.quantum_mmd import SiteMMD
from federation.domain.data.dataset import Task
from federation.domain.group_rates import Cell


class AnswerError(Exception):
    """An answer that cannot be what was asked for. The message names the site."""


@dataclass(frozen=True)
class SiteAnswer:
    """One site's sums."""

    site: str
    n_patients: int
    cells: Mapping[str, tuple[Cell, ...]]  # model name to cells
    tests: Mapping[str, SiteMMD]  # attribute to the site's share of the kernel test
    explanation: SiteExplanation | None


@dataclass(frozen=True)
class AuditData:
    """Everything that the checks compute from."""

    task: Task
    policy: Mapping[str, Any]
    sites: tuple[SiteAnswer, ...]
    epsilon: Mapping[str, float | None]  # spent at each site; None where nothing bounds it or it is not known
    delta: float | None = None

    def cells(self, model: Literal["primary", "baseline"]) -> list[Cell]:
        return [cell for site in self.sites for cell in site.cells[model]]

    @property
    def reference_groups(self) -> Mapping[str, str]:
        """Attribute to the group that the others are held against."""
        return self.policy["mmd"]["reference_groups"]

    def gates(self, check: str) -> bool:
        return check in self.policy["gating"]
