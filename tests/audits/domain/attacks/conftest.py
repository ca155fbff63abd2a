from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from federation.domain.data.dataset import LoadReport, SiteData


@pytest.fixture
def random_rows() -> Callable[..., SiteData]:
    """Patients of forty random columns whose label is a coin: what a model knows of them, it learned by heart."""

    def make(n: int, *, seed: int = 0, columns: int = 40) -> SiteData:
        rng = np.random.default_rng(seed)
        return SiteData(
            site="s", task="classification", record_ids=tuple(f"p{i}" for i in range(n)),
            x=rng.random((n, columns)).astype(np.float32), y=rng.integers(0, 2, n),
            patient_index=np.arange(n, dtype=np.int64), groups={},
            feature_names=tuple(f"c{i}" for i in range(columns)), report=LoadReport(n, n),
        )  # fmt: skip

    return make
