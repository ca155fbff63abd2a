"""A site's worker on folders of images in the layouts of BraTS and MIMIC-CXR: manifest, rounds, scores."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from federation.domain import messages
from federation.domain.learning import weights
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.evaluation import evaluate
from federation.domain.messages import Message, digest
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import RunConfig
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.brats_layout import write_scan
from tests.factories.mimic_layout import Patient, Study, write_mimic
from tests.factories.postbox import Recorder, carry_out

ROUNDS = 3


class Trial:
    """One site, and the coordinator's side of its orders."""

    def __init__(self, folder, code, spec):
        self.key = messages.new_key()
        config = SiteConfig(code, spec, messages.dump_public(self.key), "unix:///none")
        self.site, self.code = Site(SiteHome.create(folder, config)), code

    def configured(self, **local):
        manifest = self.ask("manifest", {}, {}).body["manifest"]
        shape, task = manifest["shape"], manifest["task"]
        primary, baseline = default_specs(task, shape[0], shape[1])
        return manifest, RunConfig(
            task=task, models={"primary": primary, "baseline": baseline}, rounds=ROUNDS, seed=3,
            local=LocalConfig(**local), epsilon_budget=None, data_digests={self.code: digest(manifest)},
        )  # fmt: skip

    def run(self, config):
        """All rounds; with one site the average is its own update. Returns the weights and the last scores."""
        files = {name: weights.to_bytes(weights.state_of(build(spec, seed=1))) for name, spec in config.models.items()}
        for number in range(1, ROUNDS + 1):
            body = {"run": "r", "round": number, "config": config.as_dict(), "config_hash": config.hash}
            files = self.ask("train", body, files).attachments
        return files, self.ask("evaluate", body, files).body

    def ask(self, kind, body, files):
        postbox, number = Recorder(), body.get("round", 0)
        order = Message(kind, "coordinator", self.code, f"r:{number}:{kind}", body, files)
        carry_out(self.site, postbox, messages.seal(order, self.key))
        public = messages.dump_public(self.site.home.key)
        answer = messages.unseal(postbox.sent[0], sender=self.code, public_key=public)[0]
        assert answer.ok, answer.body
        return answer


def lungs(rng, ill):
    """Two dark lungs; an effusion whitens the base of one."""
    y, x = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64), indexing="ij")
    pixels = 1600 + 150 * rng.standard_normal((64, 64))
    for side in (-1, 1):
        lung = ((x - 0.45 * side) / 0.35) ** 2 + (y / 0.75) ** 2 < 1
        effusion = ill and side == rng.choice((-1, 1))
        pixels[lung & ~(effusion & (y > 0.2))] -= 900
    return np.clip(pixels, 0, 4095).astype(np.uint16)


@pytest.fixture(scope="module")
def mimic(tmp_path_factory):
    """Every second patient is ill; every fourth radiograph is a DICOM."""
    rng, root = np.random.default_rng(4), tmp_path_factory.mktemp("mimic")
    patients = []
    for number in range(160):
        ill, pixels = number % 2, lungs(rng, number % 2)
        form = {"dicom_of": (pixels, False)} if number % 4 > 2 else {"pixels": (pixels // 16).astype(np.uint8)}
        study = Study(number, labels={"Pleural Effusion": f"{ill}.0"}, **form)
        patients.append(Patient(str(10_000_000 + number), (study,), gender="FM"[number % 3 > 0]))
    return write_mimic(root, patients)


def test_a_worker_learns_to_find_effusions_in_a_mimic_folder(tmp_path, mimic):
    spec = f"mimic_cxr:{mimic}?label=pleural_effusion&sites=1&px=16&form=image"
    trial = Trial(tmp_path / "site", "mimic-cxr-1", spec)
    manifest, config = trial.configured(epochs=8, batch_size=16, learning_rate=0.005)
    assert manifest["shape"] == [1, 16, 16] and manifest["groups"]["sex"] == {"female": 54, "male": 106}
    assert "40 of 160 radiographs read from DICOM, greyed as the JPEGs were" in manifest["report"]["notes"]
    files, scores = trial.run(config)
    held = trial.site.splits(3)
    for name, model_spec in config.models.items():
        model = build(model_spec)
        weights.load_state(model, weights.from_bytes(files[name], like=model))
        outcomes = evaluate(model.eval(), held.audit)
        assert roc_auc_score(outcomes.truth, outcomes.score) > 0.8, name
    assert scores["n_records"] == held.validation.n_patients
    assert "p1000" not in json.dumps(scores) and str(mimic) not in json.dumps(manifest)


def test_a_worker_trains_on_a_brats_folder_without_the_patients_it_refused(tmp_path):
    root = tmp_path / "brats"
    for number in range(12):
        without = ("t2",) if number == 5 else ()
        write_scan(root / f"BraTS2021_{number:05d}", seed=number, without=without)
    trial = Trial(tmp_path / "site", "brats-1", f"brats:{root}?px=16&slices=4&sites=1")
    manifest, config = trial.configured(epochs=2, batch_size=4, learning_rate=0.01)
    assert (manifest["n_patients"], manifest["shape"]) == (11, [4, 16, 16])
    assert manifest["report"]["refused"] == {"modality missing: t2": 1}
    files, scores = trial.run(config)
    model = build(config.models["primary"])
    before = weights.state_of(build(config.models["primary"], seed=1))
    after = weights.from_bytes(files["primary"], like=model)
    assert any(not np.allclose(after[name], value) for name, value in before.items())
    assert all(np.isfinite(value).all() for value in after.values())
    assert scores["n_records"] == trial.site.splits(3).validation.n_patients > 0
    assert "BraTS2021" not in json.dumps([manifest, scores])
