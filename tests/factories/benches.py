"""Sites for checks of fairness: patients whose features are their score, so that what a model does is known by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audits.predeployment.checks.at_site import Bench
from federation.domain.data.dataset import LoadReport, SiteData, Splits
from federation.domain.models.base import Model


class GivenScores(Model):
    """A classifier whose logit is the first column of the patient."""

    task = "classification"

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__({"kind": "given"})
        self.shift = shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] + self.shift

    def represent(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x[:, :1]).repeat(1, 4)


def site_data(
    site: str, logit: NDArray[Any], y: NDArray[Any], groups: Mapping[str, NDArray[np.str_]], *, first: int = 0
) -> SiteData:
    """Patients of one site, by their logit and label."""
    n = len(y)
    x = np.column_stack([logit, np.zeros(n)]).astype(np.float32)
    names = tuple(f"{site}-{number}" for number in range(first, first + n))
    return SiteData(
        site, "classification", names, x, np.asarray(y), np.arange(n), groups, ("logit", "nothing"), LoadReport(n, n)
    )


def drawn(
    site: str,
    n: int,
    rng: np.random.Generator,
    *,
    worse: str | None = None,
    miscalibrated: str | None = None,
    first: int = 0,
) -> SiteData:
    """n patients with sex and ethnicity; half are ill.

    `worse` : a sex whose ill patients mostly get the score of healthy ones.
    `miscalibrated` : an ethnicity whose scores are far too sure.
    """
    sex = rng.choice(["female", "male"], n)
    ethnicity = rng.choice(["hispanic", "not hispanic"], n)
    y = rng.integers(0, 2, n)
    seen = y.astype(float)
    hidden = (sex == worse) & (y == 1) & (rng.random(n) < 0.6)
    seen[hidden] = 0
    # A logit that is normal around +-1.5 with variance 3 has the calibrated posterior as its own value.
    logit = (2 * seen - 1) * 1.5 + rng.normal(0, np.sqrt(3.0), n)
    logit = np.where(ethnicity == miscalibrated, 4 * logit + 2, logit)
    return site_data(site, logit, y, {"sex": sex, "ethnicity": ethnicity}, first=first)


def bench(audit: SiteData, *, validation: SiteData | None = None, models: Mapping[str, Model] | None = None) -> Bench:
    """Both models beside one site's patients; training patients are not needed."""
    rest = audit.take(np.arange(0))
    splits = Splits(rest, audit.take(np.arange(0)) if validation is None else validation, audit)
    both = models or {"primary": GivenScores().eval(), "baseline": GivenScores().eval()}
    return Bench(splits, both, None)  # type: ignore[arg-type]  # no check of fairness reads the configuration


def two_sites(n: int, *, seed: int = 0, **how: Any) -> dict[str, Bench]:
    rng = np.random.default_rng(seed)
    return {
        site: bench(drawn(site, n, rng, **how), validation=drawn(site, n, rng, first=n, **how))
        for site in ("north", "south")
    }
