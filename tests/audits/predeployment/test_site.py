"""The audit order at a site, in process: real data, real models, no database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import audits.predeployment.site  # noqa: F401 - registers the handler
from audits.predeployment.checks import run_all
from audits.predeployment.checks.answers import AuditData, read_answer
from audits.predeployment.policy import policy_for
from federation.domain.data.heart import COLUMNS
from federation.domain.learning import weights
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import Message, canonical, digest, dump_public, new_key
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.site.handlers import OrderRefused, Site, handle
from federation.site.home import SiteConfig, SiteHome

PHANTOM = "phantom:?patients=160&sites=2&px=16"
ANSWER_KEYS = {"n_patients", "cells", "mmd", "explanation", "timings"}


def sites_of(folder: Path, spec: str, names: tuple[str, ...]) -> dict[str, Site]:
    key = dump_public(new_key())
    homes = {name: SiteHome.create(folder / name, SiteConfig(name, spec, key, "unix:///none")) for name in names}
    return {name: Site(home) for name, home in homes.items()}


def order_for(sites: dict[str, Site], name: str) -> Message:
    task, shape = sites[name].source.task, sites[name].manifest["shape"]
    primary, baseline = default_specs(task, shape[0])
    config = RunConfig(
        task=task, models={"primary": primary, "baseline": baseline}, rounds=1, seed=3,
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
        data_digests={site: digest(found.manifest) for site, found in sites.items()},
    )  # fmt: skip
    small = {"mmd.permutations": 99, "lime.image.records": 2, "lime.tabular.records": 2}
    policy = policy_for(config.as_dict(), small, threshold=0.1)
    policy["mmd"]["reference_groups"] = {"sex": "male", "age_band": "60 and over", "planet": "earth"}
    files = {m: weights.to_bytes(weights.state_of(build(config.models[m], seed=1))) for m in MODEL_NAMES}
    body = {"run": "1", "config": config.as_dict(), "config_hash": config.hash, "policy": policy}
    return Message("audit", "coordinator", name, "audit:1", body, files)


@pytest.fixture(scope="module")
def imaged(tmp_path_factory):
    return sites_of(tmp_path_factory.mktemp("sites"), PHANTOM, ("phantom-1", "phantom-2"))


@pytest.fixture(scope="module")
def answered(imaged):
    """Both sites' orders and answers, and what they told on the way."""
    told: list[dict] = []
    orders = {name: order_for(imaged, name) for name in imaged}
    answers = {name: handle(imaged[name], orders[name], told.append)[0] for name in imaged}
    return orders, answers, told


def heart_rows(path: Path, n: int) -> None:
    """n made-up patients; the disease follows the ST depression."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(n):
        row = dict(zip(COLUMNS, [63, 1, 1, 145, 233, 1, 2, 150, 0, 2.3, 3, 0, 6, 0], strict=True))
        row["age"], row["sex"] = int(rng.integers(40, 75)), int(rng.integers(0, 2))
        row["oldpeak"] = round(float(rng.uniform(0, 4)), 1)
        row["num"] = int(row["oldpeak"] > 2)
        rows.append(",".join(str(value) for value in row.values()))
    path.write_text("\n".join(rows) + "\n")


def test_the_answers_of_two_sites_give_a_whole_audit(answered):
    orders, answers, _ = answered
    policy = orders["phantom-1"].body["policy"]
    sites = tuple(read_answer(n, a, task="segmentation", policy=policy) for n, a in answers.items())
    checks = {c.id: c for c in run_all(AuditData("segmentation", policy, sites, {}))}
    assert checks["representation"].evidence["patients"] == sum(a["n_patients"] for a in answers.values()) > 0
    tests = {t["attribute"]: t for t in checks["quantum_mmd"].evidence["tests"]}
    assert tests["sex"]["n"] > 0 and tests["planet"]["p_quantum"] is None  # nobody records the planet
    assert checks["lime"].evidence["sites"] == ["phantom-1", "phantom-2"]


def test_the_audit_sees_only_patients_that_training_does_not(imaged, answered):
    for name, body in answered[1].items():
        splits = imaged[name].splits(3)
        assert body["n_patients"] == splits.audit.n_patients
        assert not set(splits.audit.record_ids) & set(splits.train.record_ids)


def test_nothing_of_a_single_patient_leaves_the_site(imaged, answered):
    """Counts, statistics and a few scores: no identifier, no array as long as the patients, no image."""
    for name, body in answered[1].items():
        assert set(body) == ANSWER_KEYS
        text = canonical(body).decode()
        assert not any(record in text for record in imaged[name].data.record_ids)
        assert len(text) < 40_000
        assert set(body["cells"]["primary"][0]) == {"site", "attributes", "n", "metrics", "confusion"}
        assert set(body["mmd"]) == {"sex", "age_band"}
        for test in body["mmd"].values():
            assert len(test["quantum"]) == len(test["rbf"]) == 100  # observed and 99 permuted, whatever the patients
        found = body["explanation"]
        assert set(found) == {"site", "kind", "scores", "control", "weights", "settings"}
        assert len(found["scores"]) == len(found["control"]) == 2 and found["weights"] == {}
        assert [row["rcf"] for row in found["scores"]] == sorted(row["rcf"] for row in found["scores"])


def test_the_order_decides_everything_so_that_asking_again_gives_the_same(imaged, answered):
    orders, answers, _ = answered
    again, files = handle(imaged["phantom-1"], orders["phantom-1"], lambda progress: None)
    first = {**answers["phantom-1"], "timings": {}}
    assert {**again, "timings": {}} == first and files == {}


def test_the_site_tells_how_far_it_is_and_how_long_each_part_took(answered):
    _, answers, told = answered
    assert [step["step"] for step in told] == [1, 2, 3, 4] * 2
    assert set(answers["phantom-1"]["timings"]) == {"primary", "baseline", "kernel test", "explanations"}


def test_a_configuration_that_was_not_consented_to_is_refused(imaged):
    order = order_for(imaged, "phantom-1")
    changed = Message(order.kind, order.sender, order.recipient, order.key, {**order.body, "config_hash": "0" * 64})
    with pytest.raises(OrderRefused, match="consent is for"):
        handle(imaged["phantom-1"], changed, lambda progress: None)


def test_a_tabular_site_explains_features_and_says_only_their_mean_weight(tmp_path):
    heart_rows(tmp_path / "processed.va.data", 60)
    sites = sites_of(tmp_path, f"heart:{tmp_path}", ("va",))
    body, _ = handle(sites["va"], order_for(sites, "va"), lambda progress: None)
    found = body["explanation"]
    assert found["kind"] == "tabular" and len(found["scores"]) == 2
    assert sum(found["weights"].values()) == pytest.approx(1)
    assert sum(cell["n"] for cell in body["cells"]["baseline"]) == body["n_patients"] == 21


def test_a_site_of_one_patient_takes_part_without_explanations(tmp_path):
    heart_rows(tmp_path / "processed.va.data", 1)
    sites = sites_of(tmp_path, f"heart:{tmp_path}", ("va",))
    body, _ = handle(sites["va"], order_for(sites, "va"), lambda progress: None)
    assert body["n_patients"] == 1 and body["explanation"]["scores"] == ()  # LIME has no background there


def test_a_site_without_audit_patients_answers_with_nothing(tmp_path):
    heart_rows(tmp_path / "processed.va.data", 2)
    sites = sites_of(tmp_path, f"heart:{tmp_path}", ("va",))
    sites["va"].data = sites["va"].data.take(np.array([], dtype=np.int64))
    body, _ = handle(sites["va"], order_for(sites, "va"), lambda progress: None)
    assert body == {
        "n_patients": 0, "cells": {"primary": [], "baseline": []}, "mmd": {}, "explanation": None, "timings": {},
    }  # fmt: skip
