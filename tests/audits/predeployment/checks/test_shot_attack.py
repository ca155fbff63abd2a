"""The attack from measurements of the circuit, end to end over two sites."""

from __future__ import annotations

import json

import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from audits.predeployment.checks.shot_attack import ShotAttack
from tests.factories.checks import SEED, run_check
from tests.factories.stress import tabular_benches, tabular_models

CHECK = ShotAttack()
QUICK = {"patients": 4, "shots": 200, "epsilon": 0.2}


@pytest.fixture(scope="module")
def benches():
    return tabular_benches(60)


@pytest.fixture(scope="module")
def found(benches):
    return run_check(CHECK, benches, settings=QUICK)


@pytest.fixture(scope="module")
def answer(benches):
    fixed = settings_of(CHECK, QUICK | {"patients": 3, "shots": 20})
    at = AtSite(CHECK.id, "north", benches["north"], fixed, SEED, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


def test_it_is_installed():
    assert isinstance(check_of("shot_attack"), ShotAttack)


def test_the_cost_is_counted_in_circuits(found):
    assert found.evidence["circuits_per_gradient"] == 1 + 2 * 3 * 4  # 3 layers that each load 4 qubits, and the answer
    assert found.evidence["circuits"] == 8 * 25 and found.evidence["shots"] == 200
    assert 0 < found.evidence["cosine"] <= 1 and 0.5 < found.evidence["equal_signs"] <= 1


def test_the_exact_attack_and_the_twin_stand_beside_it(found):
    assert [row[0].split(",")[0] for row in found.tables[0].rows] == [
        "quantum model",
        "quantum model",
        "classical twin",
    ]
    assert found.lower <= found.value <= found.upper and "25 circuits" in found.sentences[1]


def test_eight_patients_prove_nothing(found):
    assert found.verdict is not Verdict.PASS


def test_a_small_drop_from_shots_does_not_hide_a_large_exact_one(benches):
    blind = run_check(CHECK, benches, settings=QUICK | {"shots": 10, "tolerated_drop": 0.9, "epsilon": 0.001})
    assert blind.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert (blind.verdict is Verdict.PASS) == (not any("exact gradient may" in s for s in blind.sentences))


def test_a_model_without_a_circuit_is_not_concerned():
    twin = tabular_models()["baseline"]
    result = run_check(CHECK, tabular_benches(60, models={"primary": twin, "baseline": twin}), settings=QUICK)
    assert result.verdict is Verdict.NOT_APPLICABLE


def test_segmentation_is_not_concerned():
    assert run_check(CHECK, {}, task="segmentation").verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"circuits": 1}, "circuit for each"),
        ({"cosine": 1e9}, "agreements"),
        ({"signs": None}, "agreements"),
        ({"patients": "all"}, "number of patients"),
        ({"rows": []}, "cases"),
    ],
)
def test_answers_that_cannot_be_are_refused(answer, change, complaint):
    raw, fixed = answer
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw | change, fixed)
