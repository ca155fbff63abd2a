import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from audits.runtime import inference
from core import artefacts
from federation.domain.learning import weights
from federation.domain.models.registry import build, default_specs


class FakeVersion:
    """What `infer` reads of a version."""

    def __init__(self, seed: int = 1, task: str = "classification") -> None:
        spec, _ = default_specs(task, *((1, 32) if task == "segmentation" else (4,)))
        self.config = {"task": task, "models": {"primary": spec}}
        self.model = build(spec, seed=seed)
        self.weights_digest = artefacts.put(weights.to_bytes(weights.state_of(self.model)))


@pytest.fixture(autouse=True)
def _own_store(settings, tmp_path):
    settings.VAR = tmp_path
    inference._model.cache_clear()
    inference._pool.cache_clear()
    yield
    inference._model.cache_clear()
    inference._pool.cache_clear()


def rows(n: int = 3) -> list[np.ndarray]:
    return [np.full((1, 4), 0.1 * i, dtype=np.float32) for i in range(n)]


def mapped_files(address: int) -> str:
    """The file that this address of the process is mapped from."""
    with open("/proc/self/maps") as lines:
        for line in lines:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if first <= address < last:
                return line.split(maxsplit=5)[5].strip() if len(line.split(maxsplit=5)) == 6 else ""
    return ""


def test_weights_are_used_where_their_file_is_mapped_and_answer_the_same():
    from federation.domain.learning.evaluation import predict

    version = FakeVersion()
    answers = inference.infer(version, rows())
    expected = predict(version.model.eval(), np.concatenate(rows()), "classification")
    assert [answer.score for answer in answers] == pytest.approx(expected.probability.tolist(), abs=1e-6)
    spec = inference.json.dumps(version.config["models"]["primary"], sort_keys=True)
    served = inference._model(version.weights_digest, spec)
    path = str(artefacts.checked_file(version.weights_digest))
    assert {mapped_files(value.data_ptr()) for value in served.parameters()} == {path}


def test_a_few_versions_are_kept_and_each_is_loaded_once(monkeypatch):
    versions = [FakeVersion(seed) for seed in range(inference.MODELS_KEPT + 2)]
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda _: inference.infer(versions[0], rows()), range(8)))
    assert inference._model.cache_info().misses == 1
    for version in versions:
        inference.infer(version, rows())
    assert inference._model.cache_info().currsize == inference.MODELS_KEPT


def test_no_more_are_predicted_at_once_than_the_pool_has_threads_of_one_core(settings, monkeypatch):
    import torch

    settings.INFERENCE_WORKERS, settings.INFERENCE_WAIT_SECONDS = 2, 0.05
    version, go_on, inside, cores = FakeVersion(), threading.Event(), threading.Semaphore(0), []

    def slow(*args):
        cores.append((threading.current_thread().name.split("_")[0], torch.get_num_threads()))
        inside.release()
        assert go_on.wait(30)
        return ["answer"]

    monkeypatch.setattr(inference, "_infer", slow)
    with ThreadPoolExecutor(2) as callers:
        busy = [callers.submit(inference.infer, version, rows()) for _ in range(2)]
        assert all(inside.acquire(timeout=30) for _ in busy)
        with pytest.raises(inference.ModelBusy, match="All 2 threads") as refusal:
            inference.infer(version, rows())
        go_on.set()
        assert [call.result(30) for call in busy] == [["answer"]] * 2
    assert refusal.value.status == 503
    assert cores == [("inference", 1)] * 2
    assert inference.infer(version, rows()) == ["answer"]  # a slot is given back


def test_a_case_that_the_circuit_can_do_nothing_with_is_left_out_and_the_others_are_answered():
    version = FakeVersion(task="segmentation")
    assert version.config["models"]["primary"]["kind"] == "hybrid_unet"
    good = np.full((2, 1, 32, 32), 0.5, dtype=np.float32)
    bad = good.copy()
    bad[1, 0, 0, 0] = -3.4e38
    assert inference.infer(version, [bad]) == [None]
    first, none, last = inference.infer(version, [good, bad, good[:1]])
    alone = inference.infer(version, [good])[0]
    assert none is None and first.mask.shape == (2, 32, 32) and last.mask.shape == (1, 32, 32)
    assert (first.score, last.score) == pytest.approx((alone.score, alone.score), abs=1e-6)


def test_a_failure_gives_its_slot_back(settings):
    settings.INFERENCE_WORKERS, settings.INFERENCE_WAIT_SECONDS = 1, 0.05
    version = FakeVersion()
    artefacts.remove(version.weights_digest)
    for _ in range(3):
        with pytest.raises(inference.ModelUnavailable, match="not in the store"):
            inference.infer(version, rows())
