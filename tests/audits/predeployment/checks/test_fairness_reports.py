"""What is reported beside the bias score: AIF360's figures, and who was audited."""

from __future__ import annotations

import numpy as np

from audits.domain.verdict import Verdict
from audits.predeployment.checks.registry import check_of
from tests.factories.benches import bench, drawn, two_sites
from tests.factories.checks import run_check


def test_aif360_names_its_largest_gap_for_both_models_and_draws_no_verdict():
    found = run_check(check_of("aif360"), two_sites(400, worse="female"))
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert 0.2 < found.value <= 1
    assert "female" in found.sentences[0]
    assert {row["metric"] for row in found.evidence["rows"]} >= {"equalized_odds_difference", "theil_index"}
    assert found.versions["aif360"]


def test_enough_patients_at_every_site_pass_and_a_small_site_is_named():
    assert run_check(check_of("representation"), two_sites(100)).verdict is Verdict.PASS
    benches = two_sites(100) | {"tiny": bench(drawn("tiny", 7, np.random.default_rng(0)))}
    found = run_check(check_of("representation"), benches)
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert found.value == 2 / 3
    assert "tiny (n = 7)" in " ".join(found.sentences)
    assert found.evidence["patients"] == 207 == sum(found.evidence["groups"]["sex"].values())
