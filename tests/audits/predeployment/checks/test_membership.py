"""Membership inference end to end: a model that learned by heart, a private one, and a broken promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from audits.domain.attacks.membership import ScoreCounts
from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import Bench, copy_of
from audits.predeployment.checks.base import AnswerError, Gathered
from audits.predeployment.checks.membership import Membership
from audits.predeployment.checks.membership_certified import CertifiedMembership
from audits.predeployment.checks.membership_evidence import ATTACKS, RECIPE, MembershipAnswer
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import conclude, measure_at, read_answer, settings_of
from audits.predeployment.checks.stress import MODELS
from core.charts import interval_chart
from tests.factories.checks import run_check
from tests.factories.privacy import BY_HEART, PRIVATE, at_site, coin_benches
from tests.factories.stress import imaging_benches

QUICK = {"shadows": 6, "max_advantage": 0.1}
CERTIFIED = {"orders": 2, "shadows": 16, "max_advantage": 0.6, "max_tpr": 0.7}


def epsilon(benches, value: float | None) -> dict:
    return {"epsilon": {"by_site": dict.fromkeys(benches, value), "delta": 1e-4, "budget": 5, "declared": True}}


@pytest.fixture(scope="module")
def leaky():
    """What the one site says of a model that learned its patients by heart."""
    bench = coin_benches(BY_HEART, {"north": 240})["north"]
    raw = json.loads(json.dumps(measure_at(Membership(), at_site(Membership(), bench, QUICK))))
    return read_answer(Membership(), "north", raw, settings_of(Membership(), QUICK))[0]


def concluded(answer, facts: dict):
    settings = settings_of(Membership(), QUICK)
    return conclude(Membership(), Gathered("classification", settings, 1, {"north": (answer,)}, facts=facts))


@pytest.fixture(scope="module")
def private():
    return coin_benches(PRIVATE, {"north": 160, "south": 160})


@pytest.fixture(scope="module")
def answer(private):
    fixed = settings_of(Membership(), QUICK)
    return json.loads(json.dumps(measure_at(Membership(), at_site(Membership(), private["north"], QUICK)))), fixed


def test_both_tiers_are_installed():
    assert isinstance(check_of("membership"), Membership)
    assert isinstance(check_of("membership_certified"), CertifiedMembership)


def test_a_model_that_learned_by_heart_fails_and_breaks_the_accountants_promise(leaky):
    found = concluded(leaky, epsilon(["north"], 0.05))
    assert found.verdict is Verdict.FAIL and found.lower > 0.1
    assert found.sentences[0].startswith("ALARM")
    assert {alarm["model"] for alarm in found.evidence["alarms"]} == {"primary", "baseline"}
    assert found.evidence["accountant"] == {"epsilon": {"north": 0.05}, "delta": 1e-4}
    chart = interval_chart(found.figures[0].rows, title=found.figures[0].title, **found.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_without_a_promise_there_is_no_alarm_but_the_leak_fails(leaky):
    found = concluded(leaky, {})
    assert found.verdict is Verdict.FAIL and not found.evidence["alarms"]
    assert any("no epsilon to hold it against" in sentence for sentence in found.sentences)


def test_the_quick_tier_never_passes_a_private_model_and_the_other_does(private):
    loose = {"max_advantage": 0.6, "max_tpr": 0.7}
    quick = run_check(Membership(), private, settings=QUICK | loose, facts=epsilon(private, 3.0))
    assert quick.verdict is Verdict.INCONCLUSIVE and "cannot certify" in quick.sentences[-1]
    certified = run_check(CertifiedMembership(), private, settings=CERTIFIED, facts=epsilon(private, 3.0))
    assert certified.verdict is Verdict.PASS and certified.upper <= 0.6
    assert not certified.evidence["alarms"]
    every = certified.tables[0].rows[0]
    assert every[2:4] == (160, 112)  # over both orders each patient counts once


def test_each_order_has_patients_of_its_own(private):
    parts = [
        measure_at(CertifiedMembership(), at_site(CertifiedMembership(), private["north"], CERTIFIED, s))
        for s in (0, 1)
    ]
    assert sum(part["members"] + part["others"] for part in parts) == 136
    assert abs(parts[0]["members"] + parts[0]["others"] - 68) <= 1


def test_an_answer_says_nothing_of_one_patient_and_is_the_same_again(private, answer):
    raw, fixed = answer
    assert set(raw) == {"members", "others", "shadowed", "rounds", "constant", "models"}
    text = json.dumps(raw)
    assert not any(record in text for record in private["north"].splits.train.record_ids)
    again = measure_at(Membership(), at_site(Membership(), private["north"], QUICK))
    assert json.loads(json.dumps(again)) == raw
    assert read_answer(Membership(), "north", raw, fixed)[0].members == 80


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.update(members=79),
        lambda raw: raw.update(members=-1),
        lambda raw: raw.update(others=True),
        lambda raw: raw["models"].pop("baseline"),
        lambda raw: raw["models"]["primary"].pop("loss"),
        lambda raw: raw["models"]["primary"]["loss"]["members"].append([0, 1, -4]),
        lambda raw: raw.update(constant={"primary": "no", "baseline": False}),
        lambda raw: raw.pop("rounds"),
        lambda raw: raw.update(shadowed=[79, 56]),
        lambda raw: raw.update(shadowed=[80, 57]),
        lambda raw: raw.update(shadowed=[80.0, 56]),
        lambda raw: raw.update(shadowed=[80]),
    ],
    ids=[
        "one less",
        "minus",
        "bool",
        "model",
        "attack",
        "count",
        "constant",
        "field",
        "fewer shadowed",
        "more shadowed",
        "fractions",
        "one kind",
    ],
)
def test_an_answer_that_cannot_be_is_refused(answer, spoil):
    raw, fixed = answer
    bad = json.loads(json.dumps(raw))
    spoil(bad)
    with pytest.raises(AnswerError, match="north"):
        read_answer(Membership(), "north", bad, fixed)


def test_of_imaged_patients_some_of_each_kind_are_in_shadows_and_all_face_the_loss():
    check, bench = Membership(), imaging_benches(80)["phantom-1"]
    settings = {"shadows": 6, "images": 20}
    raw = json.loads(json.dumps(measure_at(check, at_site(check, bench, settings))))
    found = read_answer(check, "phantom-1", raw, settings_of(check, settings))[0]
    assert raw["shadowed"] == [10, 10] and (found.members, found.others) == (20, 14)
    for counts in found.counts.values():
        assert (counts["loss"].n_members, counts["loss"].n_others) == (20, 14)
        assert (counts["lira_online"].n_members, counts["lira_online"].n_others) == (10, 10)


def scored(members: int, others: int, leak: float) -> MembershipAnswer:
    """A site whose scores come from a normal distribution, those of members shifted."""
    rng = np.random.default_rng([members, others])
    member = np.arange(members + others) < members
    scores = rng.normal(size=members + others) + leak * member
    table = ScoreCounts.of(scores, member, rng.permutation(members + others) % 2)
    counts = {name: dict.fromkeys((*ATTACKS, RECIPE), table) for name in MODELS}
    return MembershipAnswer(members, others, 1, dict.fromkeys(MODELS, False), counts)


def over(sites: dict[str, MembershipAnswer]):
    check = CertifiedMembership()
    answers = {site: (answer,) for site, answer in sites.items()}
    return conclude(check, Gathered("classification", settings_of(check), 1, answers))


def test_the_worst_site_decides_and_the_pooled_figure_stands_beside_it():
    fair = {f"fair-{i}": scored(2500 + i, 1750, 0.0) for i in range(4)}
    assert over(fair).verdict is Verdict.PASS
    found = over(fair | {"leaky": scored(200, 140, 2.0)})
    assert found.verdict is Verdict.FAIL and "leaky" in found.sentences[0]
    assert "over all sites together has an advantage of 0.0" in found.sentences[0]
    places = {row[0]: row for row in found.tables[1].rows if row[1] == "quantum model"}
    assert places["leaky"][6] > 0.2 > places["fair-0"][7]
    assert found.evidence["places"]["leaky"] == ["leaky"]


def test_what_could_not_be_tested_is_said_beside_a_pass():
    found = over({"large": scored(6000, 4000, 0.0), "tiny": scored(14, 10, 0.0)})
    assert found.verdict is Verdict.PASS
    assert any(sentence.startswith("NOT TESTABLE") and "tiny (14 and 10)" in sentence for sentence in found.sentences)
    assert found.evidence["not_judged_alone"] == ["tiny"]
    assert found.tables[1].rows[-1][:4] == ("tiny: not testable", None, 14, 10)
    leak = over({"large": scored(6000, 4000, 0.0)} | {f"small-{i}": scored(20 + i, 14, 3.0) for i in range(6)})
    assert leak.verdict is Verdict.FAIL and "small sites together" in leak.sentences[0]
    assert any("may hide among the others" in sentence for sentence in leak.sentences)


def test_a_site_with_too_few_patients_is_not_assessable():
    found = run_check(Membership(), coin_benches(PRIVATE, {"north": 8}), settings=QUICK)
    assert found.verdict is Verdict.NOT_ASSESSABLE and "too few" in found.sentences[0]


def test_a_constant_model_is_never_passed(private):
    bench = private["north"]
    model = copy_of(bench.models["primary"])
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
    silent = {"north": Bench(bench.splits, {"primary": model, "baseline": bench.models["baseline"]}, bench.config)}
    found = run_check(CertifiedMembership(), silent, settings=CERTIFIED | {"max_advantage": 0.9, "max_tpr": 0.9})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("no merit" in sentence for sentence in found.sentences)


def test_a_model_that_answers_no_number_is_an_error_and_no_pass(private):
    bench = private["north"]
    model = copy_of(bench.models["primary"])
    with torch.no_grad():
        model.head.bias.fill_(np.nan)
    broken = Bench(bench.splits,
                   {"primary": model, "baseline": bench.models["baseline"]}, bench.config)  # fmt: skip
    with pytest.raises(ValueError, match="NaN"):
        measure_at(Membership(), at_site(Membership(), broken, QUICK))
