"""What the sites answered, read with suspicion: a signature says who sent something, not that it makes sense."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from audits.domain.explain.score import SiteExplanation
from audits.domain.fairness.quantum_mmd import SiteMMD
from audits.predeployment.policy import image_settings, kernel_order, tabular_settings
from federation.domain.data.dataset import Task
from federation.domain.group_rates import Cell
from federation.domain.run_config import MODEL_NAMES

_ROUNDING = 1e-6


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


def read_answer(site: str, raw: Mapping[str, Any], *, task: str, policy: Mapping[str, Any]) -> SiteAnswer:
    """Parse the answer of one site.

    Raises
    ------
    AnswerError
        If something is missing, speaks for another site, follows other settings than the order's or cannot be true
        (more patients diseased than counted, a rate over 1).
    """
    try:
        cells = {name: tuple(_cell(site, row) for row in raw["cells"][name]) for name in MODEL_NAMES}
        tests = {attribute: SiteMMD.from_dict(row) for attribute, row in raw["mmd"].items()}
        explanation = None if raw["explanation"] is None else SiteExplanation.from_dict(raw["explanation"])
        answer = SiteAnswer(site, int(raw["n_patients"]), cells, tests, explanation)
    except AnswerError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnswerError(f"{site}: the answer cannot be read ({type(error).__name__}: {error})") from error
    for name, counted in cells.items():
        _require(sum(cell.n for cell in counted) == answer.n_patients, site, f"the {name} cells count other patients")
    for attribute, test in tests.items():
        _check_test(site, test, policy, policy["mmd"]["reference_groups"].get(attribute))
    if explanation is not None:
        _check_explanation(site, explanation, task, policy)
    return answer


def _require(holds: bool, site: str, complaint: str) -> None:
    if not holds:
        raise AnswerError(f"{site}: {complaint}. Update its worker and audit again")


def _cell(site: str, raw: Mapping[str, Any]) -> Cell:
    cell = Cell.from_dict(raw)
    _require(cell.site == site, site, f"a cell speaks for {cell.site}")
    _require(cell.n > 0 and all(count >= 0 for count in cell.confusion.values()), site, "a cell counts below zero")
    _require(sum(cell.confusion.values()) == cell.n, site, "a cell's confusion counts do not add up to its patients")
    for name, sums in cell.metrics.items():
        possible = 0 <= sums.n <= cell.n and 0 <= sums.total <= sums.n + _ROUNDING
        possible = possible and 0 <= sums.total_sq <= sums.total + _ROUNDING
        _require(possible, site, f"the sums of {name} cannot be rates in [0, 1]")
    return cell


def _check_test(site: str, test: SiteMMD, policy: Mapping[str, Any], reference: str | None) -> None:
    statistics = (*test.quantum, *test.rbf)
    same = (test.site, test.reference_group, test.seed) == (site, reference, policy["seed"])
    same = same and test.order == kernel_order(policy)
    same = same and len(test.quantum) == len(test.rbf) == policy["mmd"]["permutations"] + 1
    _require(same, site, "the kernel test does not follow the order")
    _require(_finite(statistics), site, "the kernel test holds a statistic that is not finite")


def _check_explanation(site: str, found: SiteExplanation, task: str, policy: Mapping[str, Any]) -> None:
    kind, settings = ("image", image_settings) if task == "segmentation" else ("tabular", tabular_settings)
    expected = asdict(settings(policy)) | {"seed": policy["seed"]}
    same = (found.site, found.kind, dict(found.settings)) == (site, kind, expected)
    _require(same, site, "the explanations do not follow the order")
    most = policy["lime"][kind]["records"]
    _require(max(len(found.scores), len(found.control)) <= most, site, f"more than {most} records are explained")
    parts = [v for row in found.scores for v in (row.fit, row.stability, row.faithfulness, row.lesion_mass)]
    rcf = [*(row.rcf for row in found.scores), *found.control]
    inside = _within([v for v in parts if v is not None], 1.0) and _within(rcf, 100.0)
    _require(inside and _finite(list(found.weights.values())), site, "an explanation score is out of range")


def _finite(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) for value in values)


def _within(values: Sequence[float], highest: float) -> bool:
    return _finite(values) and all(-_ROUNDING <= value <= highest + _ROUNDING for value in values)
