import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from audits.domain.quantum.adversaries import NAMES, AdversarySettings, facts, train
from audits.domain.quantum.leakage import (
    Patients,
    SiteLeakage,
    auc_interval,
    can_learn,
    combine,
    hold_out,
    site_leakage,
)
from audits.domain.quantum.representation import in_spread_of

SETTINGS = AdversarySettings()
ALL = {name: partial(train, name, settings=SETTINGS, seed=1) for name in NAMES}


def patients(rng, n, *, leak=None):
    """The group follows the label; with a leak also column 1, or the sign of columns 1 and 2 together."""
    label = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 4))
    x[:, 0] += 1.5 * (2 * label - 1)
    logit = {None: 0.8 * label - 0.4, "linear": 2 * x[:, 1], "xor": 6 * np.tanh(x[:, 1] * x[:, 2])}[leak]
    return Patients(x, label, np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), "m", "f"))


def by_column(number):
    """An adversary that believes in one column."""
    return lambda x, member: lambda unseen: 1 / (1 + np.exp(-unseen[:, number]))


def least_squares(x, member):
    weights = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), 2.0 * member - 1, rcond=None)[0]
    return lambda unseen: 1 / (1 + np.exp(-2 * np.column_stack([unseen, np.ones(len(unseen))]) @ weights))


def measured(rng, *, site="a", n=120, leak=None, adversaries=None, **options):
    return site_leakage(
        patients(rng, n, leak=leak), patients(rng, n, leak=leak), adversaries or {"one": by_column(1)}, site=site,
        rng=rng, **({"reference_group": "m", "permutations": 99} | options),
    )  # fmt: skip


def test_four_pairs_by_hand():
    """Label 0: reference 1, 3 against 2, 2, 2, 2, 2 and three more; only concordant pairs of the same label count."""
    x = np.array([1, 3, 3, 3, 3, 2, 2, 2, 2, 2.0])
    group = np.array(list("mmmmmfffff"))
    test = Patients(x[:, None], np.zeros(10, dtype=int), group)
    learn = Patients(np.zeros((16, 1)), np.zeros(16, dtype=int), np.array(list("mf" * 8)))
    adversary = {"one": lambda x, member: lambda unseen: 1 / (1 + np.exp(-unseen[:, 0]))}
    found = site_leakage(learn, test, adversary, site="a", reference_group="m", rng=np.random.default_rng(0))
    assert found.adversaries["one"].concordant[0] == 20  # four of five rank over all five others
    assert combine([found], "one").auc == 20 / 25


def test_bits_by_hand():
    """Where half are of the group and the adversary says 0.75 of each of its members: log2(0.75 / 0.5) a patient."""
    group = np.array(list("mf" * 10))
    both = Patients(np.where(group == "m", 1.0, -1.0)[:, None], np.zeros(20, dtype=int), group)
    adversary = {"sure": lambda x, member: lambda unseen: np.where(unseen[:, 0] > 0, 0.75, 0.25)}
    found = site_leakage(both, both, adversary, site="a", reference_group="m", rng=np.random.default_rng(0))
    leak = combine([found], "sure")
    assert leak.bits == leak.bits_lower == leak.bits_upper == pytest.approx(np.log2(1.5))
    assert leak.auc == leak.upper == 1 and 0.8 < leak.lower < 1


def test_the_auc_is_sklearns_within_one_label():
    rng = np.random.default_rng(4)
    learn, test = patients(rng, 80), patients(rng, 80)
    test = replace(test, stratum=np.ones(80, dtype=int))
    found = site_leakage(learn, test, {"one": by_column(1)}, site="a", reference_group="m", rng=rng)
    expected = roc_auc_score(test.group == "m", test.representation[:, 1])
    assert combine([found], "one").auc == pytest.approx(expected, abs=1e-12)


def test_fair_models_are_flagged_as_often_as_alpha_says():
    rng = np.random.default_rng(8)
    p = np.array([
        combine([measured(rng, site=site, n=60, adversaries={"fit": least_squares}) for site in "ab"], "fit").p
        for _ in range(500)
    ])  # fmt: skip
    assert np.sum(p <= 0.05) <= binom.ppf(0.999, 500, 0.05)
    assert 0.45 < p.mean() < 0.56


def test_a_linear_leak_is_read_by_all_and_one_of_signs_not_by_the_logistic_model():
    rng = np.random.default_rng(5)
    linear = measured(rng, n=200, leak="linear", adversaries=ALL)
    signs = measured(rng, n=400, leak="xor", adversaries=ALL)
    for name in NAMES:
        leak = combine([linear], name)
        assert leak.lower > 0.6 and leak.p <= 0.01 and leak.n == 200
    assert combine([signs], "logistic").p > 0.01
    assert combine([signs], "vqc").lower > 0.55 and combine([signs], "mlp").lower > 0.55


def test_the_logistic_adversary_ranks_like_sklearns():
    rng = np.random.default_rng(6)
    learn, test = patients(rng, 200, leak="linear"), patients(rng, 200, leak="linear")
    ours = train("logistic", learn.representation, learn.group == "m", settings=SETTINGS, seed=0)
    theirs = LogisticRegression().fit(learn.representation, learn.group == "m")
    both = ours(test.representation), theirs.predict_proba(test.representation)[:, 1]
    assert np.corrcoef(*both)[0, 1] > 0.99


def test_the_same_seed_gives_the_same_sums_and_torch_is_left_as_it_was():
    import torch

    before = torch.random.get_rng_state()
    one, two = (measured(np.random.default_rng(3), adversaries=ALL) for _ in range(2))
    assert one == two
    assert torch.equal(before, torch.random.get_rng_state())


def test_sites_add_up_and_answers_survive_json():
    rng = np.random.default_rng(7)
    sites = [measured(rng, site=site, leak="linear") for site in "ab"]
    again = [SiteLeakage.from_dict(json.loads(json.dumps(site.as_dict()))) for site in sites]
    assert again == sites
    pairs = [sum(row.reference * row.others for row in site.used) for site in sites]
    aucs = [combine([site], "one").auc for site in sites]
    assert combine(sites, "one").auc == pytest.approx(np.average(aucs, weights=pairs))


def test_too_few_patients_leave_no_adversary_and_no_figure():
    rng = np.random.default_rng(0)
    few = patients(rng, 12)
    alone = replace(patients(rng, 40), group=np.full(40, "m"))
    unknown = replace(patients(rng, 40), group=np.full(40, "unknown"))
    many = patients(rng, 60)
    for learn, test in ((few, many), (many, alone), (alone, many), (many, unknown), (unknown, many)):
        found = site_leakage(learn, test, ALL, site="a", reference_group="m", rng=rng)
        assert found.adversaries == {} and combine([found], "vqc") is None
    assert not can_learn(few, "m") and can_learn(many, "m")


def test_a_hold_out_shares_no_patient():
    whole = Patients(np.arange(31.0)[:, None], np.zeros(31, dtype=int), np.full(31, "m"))
    learn, test = hold_out(whole, np.random.default_rng(0))
    seen = np.concatenate([learn.representation, test.representation]).ravel()
    assert len(learn.group) == 15 and sorted(seen) == list(range(31))


def test_bad_input_is_refused_with_a_reason():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="finite"):
        Patients(np.full((2, 1), np.nan), np.zeros(2), np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"\(n, k\)"):
        Patients(np.zeros(2), np.zeros(2), np.array(["a", "b"]))
    with pytest.raises(ValueError, match="19 permutations"):
        measured(rng, permutations=5)
    with pytest.raises(ValueError, match="once"):
        combine([measured(rng), measured(rng)], "one")
    with pytest.raises(ValueError, match="one reference group"):
        combine([measured(rng), measured(rng, site="b", permutations=49)], "one")


@pytest.mark.parametrize("auc", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_intervals_of_an_auc_contain_it_and_narrow_with_patients(auc):
    few, many = (auc_interval(auc, [(n, n), (n, 2 * n)], 0.95) for n in (6, 60))
    assert 0 <= few[0] <= many[0] <= auc <= many[1] <= few[1] <= 1
    assert many[1] - many[0] < few[1] - few[0]


def test_the_circuit_states_its_facts_and_is_no_larger_than_its_rival_by_much():
    found = facts(5, SETTINGS)
    assert {"backend", "shots", "depth", "noise_model", "epochs"} <= set(found)
    assert abs(found["parameters"]["vqc"] - found["parameters"]["mlp"]) <= 12


def test_units_come_from_known_patients_alone():
    known = np.array([[0.0, 5.0], [2.0, 5.0]])
    assert np.array_equal(in_spread_of(known, np.array([[3.0, 6.0]])), [[2.0, 1.0]])
    assert np.array_equal(in_spread_of(known[:1], known), known)  # one patient has no spread
