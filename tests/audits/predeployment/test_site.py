"""The audit order at a site, in process: real data, real models, no database. Every installed check is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import audits.predeployment.site  # noqa: F401 - registers the handler
from audits.predeployment import policy
from audits.predeployment.checks.base import Check, NotMeasured, Principle, Result, Runtime
from audits.predeployment.checks.registry import check_of, known
from audits.predeployment.checks.running import NOT_MEASURED, read_answer, settings_of
from federation.domain.data.heart import COLUMNS
from federation.domain.learning import weights
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import Message, canonical, digest, dump_public, new_key
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.site.handlers import OrderRefused, Site, handle
from federation.site.home import SiteConfig, SiteHome
from tests.factories.postbox import approve_at

PHANTOM = "phantom:?patients=160&sites=2&px=16"
# Smaller than the policy's, so that every check can be asked here; a check that is slow by nature has tests of its own.
SMALL = {
    "quantum_mmd": {"permutations": 99},
    "lime": {"image_records": 2, "row_records": 2, "image_seeds": 2, "row_seeds": 2, "control_records": 2,
             "control_steps": 8},
}  # fmt: skip


def sites_of(folder: Path, spec: str, names: tuple[str, ...]) -> dict[str, Site]:
    key = dump_public(new_key())
    homes = {name: SiteHome.create(folder / name, SiteConfig(name, spec, key, "unix:///none")) for name in names}
    return {name: Site(home) for name, home in homes.items()}


def order_for(sites: dict[str, Site], name: str, check_id: str = "bias_score", **changes) -> Message:
    task, shape = sites[name].source.task, sites[name].manifest["shape"]
    primary, baseline = default_specs(task, shape[0])
    config = RunConfig(
        task=task, models={"primary": primary, "baseline": baseline}, rounds=1, seed=3,
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
        data_digests={site: digest(found.manifest) for site, found in sites.items()},
    )  # fmt: skip
    approve_at(sites[name], config)
    files = {m: weights.to_bytes(weights.state_of(build(config.models[m], seed=1))) for m in MODEL_NAMES}
    settings = settings_of(check_of(check_id), SMALL.get(check_id))
    body = {
        "run": "1", "audit": "1", "config": config.as_dict(), "config_hash": config.hash, "check": check_id,
        "shard": 0, "shards": 1, "settings": settings, "seed": policy.SEED,
        "reference_groups": {"sex": "male", "age_band": "60 and over", "planet": "earth"}, **changes,
    }  # fmt: skip
    return Message("audit", "coordinator", name, f"audit:1:{check_id}:0", body, files)


def ask(sites: dict[str, Site], name: str, check_id: str = "bias_score", **changes) -> dict:
    body, files = handle(sites[name], order_for(sites, name, check_id, **changes), lambda progress: None)
    assert files == {}
    return body


@pytest.fixture(scope="module")
def imaged(tmp_path_factory):
    return sites_of(tmp_path_factory.mktemp("sites"), PHANTOM, ("phantom-1", "phantom-2"))


@pytest.fixture(scope="module")
def tabular(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heart")
    heart_rows(folder / "processed.va.data", 60)
    return sites_of(folder, f"heart:{folder}", ("va",))


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


QUICK = [
    name
    for name in known()
    if check_of(name).at_sites and not check_of(name).measured_by and check_of(name).runtime is Runtime.SECONDS
]


@pytest.mark.parametrize("check_id", [*QUICK, "lime"])
@pytest.mark.parametrize("kind", ["imaged", "tabular"])
def test_what_a_site_answers_can_be_read_and_names_no_patient(request, kind, check_id):
    """Sums, statistics and scores: no identifier, and far smaller than the patients' data."""
    sites = request.getfixturevalue(kind)
    site = next(iter(sites))
    if sites[site].source.task not in check_of(check_id).tasks:
        return  # the platform does not ask
    body = ask(sites, site, check_id)
    text = canonical(body).decode()
    assert not any(f'"{record}"' in text for record in sites[site].data.record_ids)
    assert len(text) < 60_000
    settings = settings_of(check_of(check_id), SMALL.get(check_id))
    value, reason = read_answer(check_of(check_id), site, body, settings)
    assert reason or value is not None


def test_the_audit_sees_only_patients_that_training_does_not(imaged):
    for name, site in imaged.items():
        splits = site.splits(3)
        assert ask(imaged, name)["n_patients"] == splits.audit.n_patients > 0
        assert not set(splits.audit.record_ids) & set(splits.train.record_ids)


@pytest.mark.parametrize("check_id", ["bias_score", "quantum_mmd", "lime"])
def test_the_order_decides_everything_so_that_asking_again_gives_the_same(imaged, check_id):
    assert canonical(ask(imaged, "phantom-1", check_id)) == canonical(ask(imaged, "phantom-1", check_id))


def test_the_site_tells_what_it_does(imaged):
    told: list[dict] = []
    handle(imaged["phantom-1"], order_for(imaged, "phantom-1"), told.append)
    assert told[0]["model"] == "Bias score" and {"part", "step", "steps"} <= set(told[0])


def test_patients_are_scored_once_for_all_checks_of_an_audit(imaged, monkeypatch):
    from audits.predeployment.checks import at_site

    calls = []
    scored = at_site.evaluate
    monkeypatch.setattr(at_site, "evaluate", lambda model, data: calls.append(1) or scored(model, data))
    ask(imaged, "phantom-1", audit="another")
    ask(imaged, "phantom-1", audit="another")
    assert len(calls) == 2  # two models
    ask(imaged, "phantom-1", audit="a third")
    assert len(calls) == 4


def test_a_configuration_that_was_not_consented_to_is_refused(imaged):
    with pytest.raises(OrderRefused, match="consent is for"):
        ask(imaged, "phantom-1", config_hash="0" * 64)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"check": "unheard_of"}, "a check among"),
        ({"settings": {"threshold": 7.0}}, "threshold from"),
        ({"settings": {"unheard": 1}}, "settings among"),
    ],
)
def test_an_order_that_this_worker_cannot_carry_out_is_refused_in_words(imaged, changes, complaint):
    with pytest.raises(OrderRefused, match=complaint):
        ask(imaged, "phantom-1", **changes)


def test_a_site_without_audit_patients_says_so(tmp_path):
    heart_rows(tmp_path / "processed.va.data", 2)
    sites = sites_of(tmp_path, f"heart:{tmp_path}", ("va",))
    sites["va"].data = sites["va"].data.take(np.array([], dtype=np.int64))
    assert ask(sites, "va") == {NOT_MEASURED: "no patient is left for the audit"}


class Meddles(Check):
    """Changes the model it is shown, as a check of others might."""

    id = "meddles"
    title = "Meddles"
    principle = Principle.SECURITY
    question = "Can a check spoil another's figures?"

    def measure(self, at):
        for parameter in at.models["primary"].parameters():
            parameter.data.zero_()
        raise NotMeasured("nothing to see")

    def conclude(self, gathered) -> Result:
        raise AssertionError("never asked")


def test_a_check_that_changes_a_model_spoils_no_other(imaged, monkeypatch):
    before = ask(imaged, "phantom-1", audit="fresh-1")
    monkeypatch.setattr(audits.predeployment.site, "check_of", lambda name: Meddles())
    assert ask(imaged, "phantom-1", audit="fresh-2", settings={}) == {NOT_MEASURED: "nothing to see"}
    monkeypatch.undo()
    assert canonical(ask(imaged, "phantom-1", audit="fresh-2")) == canonical(before)
