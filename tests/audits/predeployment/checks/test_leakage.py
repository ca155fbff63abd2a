"""The leakage adversaries as a check, end to end over two sites."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from federation.domain.learning.evaluation import AnswersNotFinite
from tests.factories.benches import GivenScores, bench, site_data, two_sites
from tests.factories.checks import SEED, run_check
from tests.factories.stress import imaging_benches, tabular_benches, with_audit, without_groups

CHECK = check_of("leakage")
GROUPS = {"sex": "male"}
QUICK = {"permutations": 99, "epochs": 20}


@pytest.fixture(scope="module")
def benches():
    return tabular_benches(200)


def answer_of(one, **settings):
    fixed = settings_of(CHECK, QUICK | settings)
    at = AtSite(CHECK.id, "north", one, fixed, SEED, 0, 1, GROUPS, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


def leaking(n=300, gap=3.0):
    """The model's score is higher for men, whatever the label."""
    rng = np.random.default_rng(2)
    male, y = np.arange(n) % 2 > 0, np.arange(n) // 2 % 2
    groups = {"sex": np.where(male, "male", "female")}
    return {"north": bench(site_data("north", rng.normal(size=n) + gap * male, y, groups))}


def test_a_representation_that_gives_the_sex_away_fails():
    found = run_check(CHECK, leaking(), settings=QUICK, reference_groups=GROUPS)
    assert found.verdict is Verdict.FAIL and found.lower > 0.7
    assert "best adversary" in found.sentences[0] and "guessing gives 50%" in found.sentences[0]
    assert found.sentences[2].endswith("logistic model: sex; small network: sex; quantum circuit: sex.")
    assert "no harm by itself" in found.sentences[3]


def test_a_representation_without_the_sex_passes_with_enough_patients():
    found = run_check(CHECK, two_sites(900, seed=2), settings=QUICK, reference_groups=GROUPS)
    assert found.verdict is Verdict.PASS and found.upper <= 0.7
    assert all(row["p_holm"] > 0.01 for row in found.evidence["rows"])


def test_few_patients_are_inconclusive():
    found = run_check(CHECK, leaking(160, gap=0.8), settings=QUICK, reference_groups=GROUPS)
    assert found.verdict is Verdict.INCONCLUSIVE and found.lower < 0.7 < found.upper


def test_the_quantum_adversary_stands_beside_the_classical_ones_with_its_facts(benches):
    found = run_check(CHECK, benches, settings=QUICK, reference_groups=GROUPS)
    shown = {(row[0], row[2]) for row in found.tables[0].rows}
    assert shown == {
        (model, adversary)
        for model in ("quantum model", "classical twin")
        for adversary in ("logistic model", "small network", "quantum circuit")
    }
    facts = found.evidence["facts"]
    assert facts["seed"] == SEED and facts["shots"] == "analytic" and set(facts["parameters"]) == {
        "logistic", "mlp", "vqc",
    }  # fmt: skip
    chart = interval_chart(found.figures[0].rows, title=found.figures[0].title, **found.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_the_same_seed_gives_the_same_result(benches):
    first, second = (run_check(CHECK, benches, settings=QUICK, reference_groups=GROUPS) for _ in range(2))
    assert first == second


def test_images_are_read_by_their_lesion_burden():
    found = run_check(CHECK, imaging_benches(), settings=QUICK, reference_groups=GROUPS, task="segmentation")
    assert found.verdict in (Verdict.NOT_ASSESSABLE, Verdict.INCONCLUSIVE)  # twenty patients a site


def test_missing_attributes_are_no_pass(benches):
    bare = {site: with_audit(b, without_groups(b.splits.audit)) for site, b in benches.items()}
    assert run_check(CHECK, bare, settings=QUICK, reference_groups=GROUPS).verdict is Verdict.NOT_ASSESSABLE
    wide = two_sites(900)
    found = run_check(CHECK, wide, settings=QUICK, reference_groups=GROUPS | {"planet": "earth"})
    assert found.verdict is Verdict.INCONCLUSIVE and found.sentences[-1] == "Could not be tested: planet."


def test_one_group_only_is_not_assessable():
    n = 80
    alike = site_data("north", np.zeros(n), np.arange(n) % 2, {"sex": np.full(n, "male")})
    found = run_check(CHECK, {"north": bench(alike)}, settings=QUICK, reference_groups=GROUPS)
    assert found.verdict is Verdict.NOT_ASSESSABLE and found.value is None


def test_a_model_that_answers_alike_for_all_gives_nothing_away():
    n = 400
    alike = site_data("north", np.zeros(n), np.arange(n) % 2, {"sex": np.where(np.arange(n) // 2 % 2, "male", "f")})
    found = run_check(CHECK, {"north": bench(alike)}, settings=QUICK, reference_groups=GROUPS)
    assert found.value == 0.5 and all(row["p"] == 1.0 for row in found.evidence["rows"])


def test_scores_that_are_no_numbers_raise_and_are_never_measured():
    one = leaking()["north"]
    broken = Bench(one.splits, {**one.models, "baseline": GivenScores(float("nan")).eval()}, one.config)
    with pytest.raises(AnswersNotFinite, match="finite numbers for the patients of north"):
        answer_of(broken)


def test_nothing_of_a_single_patient_leaves_the_site(benches):
    raw, _ = answer_of(benches["north"])
    text = json.dumps(raw)
    assert not any(record in text for record in benches["north"].splits.audit.record_ids)
    sums = raw["models"]["primary"]["sex"]["adversaries"]["vqc"]
    assert set(sums) == {"concordant", "bits", "bits_squared"} and len(sums["concordant"]) == 100


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["site"], "south", "expected sums of north"),
        (["inputs"], 10**9, "1 to 64 inputs"),
        (["adversaries", "vqc", "concordant"], [1.0], "100 counts"),
        (["adversaries", "vqc", "concordant", 0], 1e9, "from 0 to its"),
        (["adversaries", "vqc", "bits"], 1e9, "bits of vqc"),
        (["adversaries", "vqc", "bits"], None, "cannot be read"),
        (["adversaries"], {"oracle": {"concordant": [], "bits": 0, "bits_squared": 0}}, "expected the adversaries"),
        (["strata"], [], "no adversary where no patients"),
    ],
)
def test_a_wrong_answer_is_refused(benches, path, value, complaint):
    raw, fixed = answer_of(benches["north"])
    place = raw["models"]["primary"]["sex"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, fixed)


def test_both_models_must_answer_for_the_same_attributes(benches):
    raw, fixed = answer_of(benches["north"])
    raw["models"]["baseline"] = {}
    with pytest.raises(AnswerError, match="same attributes"):
        read_answer(CHECK, "north", raw, fixed)
