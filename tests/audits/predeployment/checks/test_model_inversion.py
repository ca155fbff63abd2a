from __future__ import annotations

import json

import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import AnswerError, Gathered
from audits.predeployment.checks.model_inversion import COHORTS, InversionAnswer, ModelInversion
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from federation.domain.run_config import MODEL_NAMES
from tests.factories.checks import run_check
from tests.factories.privacy import PRIVATE, at_site, coin_benches

CHECK = ModelInversion()
QUICK = {"starts": 2, "steps": 5}


@pytest.fixture(scope="module")
def benches():
    return coin_benches(PRIVATE, {"north": 620})


def by_hand(*, met: int, patients: int, outside: int = 0, constant: bool = False):
    counts = {
        (name, cohort): (patients, met if cohort == "train" else outside) for name in MODEL_NAMES for cohort in COHORTS
    }
    one = InversionAnswer(counts, constant)
    return CHECK.conclude(Gathered("classification", settings_of(CHECK), 1, {"north": (one,)}))


def test_it_is_installed():
    assert isinstance(check_of("model_inversion"), ModelInversion)


def test_a_model_of_coins_remembers_nobody(benches):
    found = run_check(CHECK, benches, settings=QUICK)
    assert found.verdict is Verdict.PASS and found.lower >= 0.99
    assert found.tables[0].rows[0][2] == 310
    assert any("classical twin" in sentence for sentence in found.sentences)
    chart = interval_chart(found.figures[0].rows, title=found.figures[0].title, **found.figures[0].options)
    assert "<svg" in str(chart.svg)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"met": 0, "patients": 299}, Verdict.PASS),
        ({"met": 0, "patients": 298}, Verdict.INCONCLUSIVE),
        ({"met": 60, "patients": 300}, Verdict.FAIL),
        ({"met": 60, "patients": 300, "outside": 60}, Verdict.INCONCLUSIVE),  # typical, not remembered
        ({"met": 0, "patients": 299, "constant": True}, Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_follows_the_bounds_and_the_control(counts, verdict):
    assert by_hand(**counts).verdict is verdict


def test_an_answer_that_cannot_be_is_refused(benches):
    raw = json.loads(json.dumps(measure_at(CHECK, at_site(CHECK, benches["north"], QUICK))))
    fixed = settings_of(CHECK, QUICK)
    assert read_answer(CHECK, "north", raw, fixed)[0].counts["primary", "train"] == (310, 0)
    for bad in ([310], [310, 311], [310, -1], [310.0, 0]):
        spoiled = json.loads(json.dumps(raw))
        spoiled["counts"]["primary"]["train"] = bad
        with pytest.raises(AnswerError, match="north"):
            read_answer(CHECK, "north", spoiled, fixed)


def test_a_site_without_enough_patients_is_not_assessable():
    found = run_check(CHECK, coin_benches(PRIVATE, {"north": 8}), settings=QUICK)
    assert found.verdict is Verdict.NOT_ASSESSABLE
