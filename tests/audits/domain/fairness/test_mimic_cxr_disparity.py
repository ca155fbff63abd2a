"""The founding document's case: a disparity by gender and ethnicity on MIMIC-CXR is seen from its loader on.

Synthetic radiographs in the layout of the set: an effusion brightens the lower lungs, and where the bias is planted
hardly so for women and for Black patients. Two simulated sites train the default quantum classifier by federated
averaging; the audit's cells come from patients that it never saw.
"""

import numpy as np
import pytest

from audits.domain.fairness.bias_score import bias_score
from audits.domain.verdict import Verdict
from federation.domain.data.dataset import split
from federation.domain.data.registry import open_source
from federation.domain.group_rates import merge
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.evaluation import cells, evaluate
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.registry import build, default_specs
from federation.domain.strategies.base import Update
from federation.domain.strategies.fedavg import aggregate
from tests.factories.mimic_layout import Patient, Study, write_mimic

PATIENTS, ROUNDS = 1200, 4
RACES = ("WHITE", "BLACK/AFRICAN AMERICAN")
HIDDEN = 0.02  # of the brightness of an effusion, where patients differ more than that without one


def radiograph(rng, brightness):
    pixels = rng.normal(100, 12, (32, 32))
    pixels[20:] += brightness + rng.normal(0, 8)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def drawn(number, *, bias, rng):
    female, black, ill = (bool(number >> bit & 1) for bit in range(3))
    hidden = HIDDEN ** (bias * (female or black))
    pixels = radiograph(rng, 80 * ill * hidden)
    study = Study(number, labels={"Pleural Effusion": f"{ill:d}.0"}, pixels=pixels)
    races = () if number % 39 == 0 else (RACES[black],)
    return Patient(str(10_000_000 + number), (study,), gender="FM"[not female], races=races)


def audited(root, *, bias):
    """The cells of both sites' audit patients, from files on disk."""
    rng = np.random.default_rng(5)
    write_mimic(root, [drawn(number, bias=bias, rng=rng) for number in range(PATIENTS)])
    source = open_source(f"mimic_cxr:{root}?label=pleural_effusion&sites=2&px=4")
    parts = {site.code: split(source.load(site.code), seed=3) for site in source.sites()}
    model = build(default_specs("classification", 32)[0], seed=1)
    state = state_of(model)
    for round_number in range(ROUNDS):
        updates = []
        for site, part in parts.items():
            load_state(model, state)
            config = LocalConfig(epochs=6, batch_size=16, learning_rate=0.01)
            result = train_local(model, part.train, config, seed=round_number)
            updates.append(Update(site, result.state, result.n_records))
        state = aggregate(updates)
    load_state(model, state)
    return [c for site, part in parts.items() for c in cells(site, evaluate(model, part.audit), part.audit.groups)]


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    return audited(tmp_path_factory.mktemp("biased"), bias=1)


def test_a_planted_disparity_fails_the_audit_and_names_women_and_black_patients(biased):
    result = bias_score(biased, task="classification", draws=500, seed=1)
    assert result.verdict is Verdict.FAIL and result.lower > 0.1
    accuracy = {by: {k[0]: s.mean for k, s in merge(biased, [by], "accuracy").items()} for by in ("sex", "race")}
    assert accuracy["sex"]["male"] - accuracy["sex"]["female"] > 0.1
    assert accuracy["race"]["white"] - accuracy["race"]["black"] > 0.1
    found = {key: sums.mean for key, sums in merge(biased, ["sex", "race"], "tpr").items()}
    assert found["male", "white"] > 0.9 and found["female", "black"] < 0.6


def test_patients_without_demographics_are_counted_and_not_guessed(biased):
    by_race = {key[0]: sums.n for key, sums in merge(biased, ["race"], "accuracy").items()}
    assert set(by_race) == {"white", "black", "unknown"} and by_race["unknown"] > 0


def test_the_same_radiographs_without_the_bias_do_not_fail(tmp_path):
    result = bias_score(audited(tmp_path, bias=0), task="classification", draws=500, seed=1)
    assert result.verdict is not Verdict.FAIL and result.score < 0.1
