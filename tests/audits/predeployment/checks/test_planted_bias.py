"""Images in which the tumours of women are hard to see, and a model that marks what is bright."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import Bench
from audits.predeployment.checks.registry import check_of
from federation.domain.data.dataset import Splits
from federation.domain.data.phantom import PhantomSource
from federation.domain.models.base import Model
from tests.factories.checks import run_check


class MarksWhatIsBright(Model):
    """Marks pixels that stand out of the patient's brain; nothing is learned, so nothing depends on a training run."""

    task = "segmentation"

    def __init__(self) -> None:
        super().__init__({"kind": "bright"})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 40 * (x[:, 0] - 0.57)

    def represent(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x.mean(dim=(1, 2, 3)))[:, None].repeat(1, 4)


def benches(bias: float) -> dict[str, Bench]:
    source = PhantomSource(patients=600, n_sites=2, px=32, bias=bias)
    found = {}
    for info in source.sites():
        data = source.load(info.code)
        nobody = data.take(np.array([], dtype=np.int64))
        models = {"primary": MarksWhatIsBright().eval(), "baseline": MarksWhatIsBright().eval()}
        found[info.code] = Bench(Splits(nobody, nobody, data), models, None)  # type: ignore[arg-type]  # not read
    return found


@pytest.fixture(scope="module")
def unfair():
    return benches(0.9)


def test_the_bias_score_catches_tumours_that_are_hidden_in_women(unfair):
    found = run_check(check_of("bias_score"), unfair, task="segmentation")
    assert found.verdict is Verdict.FAIL and found.lower > 0.1
    assert "female" in found.evidence["worst"]["lower_group"]
    assert found.evidence["worst"]["metric"] in ("dice", "tpr")


def test_the_search_names_them_without_being_told(unfair):
    found = run_check(check_of("mdss"), unfair, task="segmentation", settings={"replicates": 199, "draws": 500})
    assert found.verdict is Verdict.FAIL
    assert "sex = female" in found.evidence["findings"][0]["subgroup"]


def test_without_the_planted_bias_no_sex_is_found_to_fare_worse():
    """Scanners do differ between the two sites, and that is found."""
    found = run_check(check_of("bias_score"), benches(0.0), task="segmentation")
    verdicts = {row["attribute"]: row["verdict"] for row in found.evidence["attributes"]}
    assert verdicts["sex"] != "fail" and verdicts["age_band × sex"] != "fail"
