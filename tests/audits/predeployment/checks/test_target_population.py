from __future__ import annotations

from audits.domain.verdict import Verdict
from audits.predeployment.checks.registry import check_of
from tests.factories.benches import two_sites
from tests.factories.checks import run_check

CHECK = check_of("target_population")


def run(target, n=2000):
    return run_check(CHECK, two_sites(n), settings={"target": target})


def test_patients_as_declared_pass_and_others_fail():
    found = run("sex: female 0.5, male 0.5; ethnicity: hispanic 0.5, not hispanic 0.5")
    assert found.verdict is Verdict.PASS and found.upper <= 0.1
    skewed = run("sex: female 0.9, male 0.1")
    assert skewed.verdict is Verdict.FAIL and skewed.lower > 0.1
    assert "By sex" in skewed.sentences[0]


def test_nothing_declared_or_nothing_readable_is_not_assessable_with_its_reason():
    assert run("").verdict is Verdict.NOT_ASSESSABLE
    broken = run("sex: female 0.9")
    assert broken.verdict is Verdict.NOT_ASSESSABLE and "sum to 1, got 0.9" in broken.sentences[0]
    absent = run("planet: earth 1")
    assert absent.verdict is Verdict.NOT_ASSESSABLE and absent.value is None
    assert "planet" in absent.sentences[0]
