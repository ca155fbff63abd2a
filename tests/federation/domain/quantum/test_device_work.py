"""A classifier and the health checks on the devices of this machine, against what must come out."""

from __future__ import annotations

import numpy as np
import pytest

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.models.registry import build, default_specs
from federation.domain.quantum.device_checks import check_programs, read_check
from federation.domain.quantum.device_figures import Figures, share
from federation.domain.quantum.device_work import (
    NotForDevices,
    chosen,
    figures,
    programs_of,
    run_here,
)
from federation.domain.quantum.providers.program import Gate, Program

DEVICES = ("simulator", "lightning.qubit", "default.mixed", "aer")


def patients(n: int) -> SiteData:
    rng = np.random.default_rng(1)
    return SiteData(
        site="north", task="classification", record_ids=tuple(f"p{i:03d}" for i in range(n)),
        x=rng.normal(size=(n, 4)).astype(np.float32), y=rng.integers(0, 2, n), patient_index=np.arange(n), groups={},
        feature_names=("a", "b", "c", "d"), report=LoadReport(found=n, used=n, imputed={}, refused={}, notes=()),
    )  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
def test_each_device_reads_wire_0_first(device):
    program = Program(3, (Gate("rx", (0,), np.pi), Gate("cx", (0, 2))))
    assert run_here(device, [program, Program(3, ())], shots=20, seed=1) == [{"101": 20}, {"000": 20}]


def test_the_figures_stand_beside_the_exact_simulation_and_the_twin():
    primary, baseline = default_specs("classification", 4)
    model, twin, data = build(primary, seed=2), build(baseline, seed=2), patients(20)
    counts = run_here("simulator", programs_of(model, data.x), shots=2000, seed=3)
    found = figures(model, twin, data, counts, shots=2000)
    assert found.n == 20 and 0 <= found.device.lower <= found.device.value <= found.device.upper <= 1
    # a noiseless device errs by its shots alone: 80 values, so their ratio is within about four deviations of 1
    assert found.z_error == pytest.approx(found.z_shot_noise, rel=4 / np.sqrt(2 * 80))
    assert found.changed.value <= 0.2


def test_too_few_patients_and_images_are_refused():
    with pytest.raises(NotForDevices, match="at least 10"):
        chosen(patients(9), 100)
    assert chosen(patients(30), 12).n_patients == 12
    primary, _ = default_specs("segmentation", 1)
    with pytest.raises(NotForDevices, match="thousands"):
        programs_of(build(primary), patients(10).x)


def test_wilson_by_hand():
    found = share(8, 10)
    assert (found.value, round(found.lower, 4), round(found.upper, 4)) == (0.8, 0.4902, 0.9433)


def test_a_readout_error_is_found_where_it_is():
    counts = [{"00": 900, "01": 100}, {"11": 950, "10": 50}]
    found = read_check("readout", counts, 2, seed=0, device="aer")
    assert found["qubits"] == [{"false_one": 0.0, "false_zero": 0.0}, {"false_one": 0.1, "false_zero": 0.05}]
    assert (found["value"], found["verdict"]) == (0.1, "fail") and found["mean"] == pytest.approx(0.0375)


def test_quantum_volume_passes_a_noiseless_device_and_fails_a_coin():
    programs = check_programs("quantum_volume", 3, seed=5)
    assert programs == check_programs("quantum_volume", 3, seed=5)
    counts = run_here("simulator", programs, shots=100, seed=1)
    found = read_check("quantum_volume", counts, 3, seed=5, device="simulator")
    assert (found["verdict"], found["quantum_volume"]) == ("pass", 8) and 0.75 < found["value"] < 0.9
    other = read_check("quantum_volume", counts, 3, seed=6, device="simulator")  # judged by other circuits
    assert other["quantum_volume"] is None
    coin = [{format(state, "03b"): 25 for state in range(8)} for _ in programs]
    failed = read_check("quantum_volume", coin, 3, seed=5, device="simulator")
    assert (failed["value"], failed["verdict"], failed["quantum_volume"]) == (0.5, "fail", None)


@pytest.mark.parametrize(
    "change",
    [{"device": None}, {"device": {"value": float("nan"), "lower": 0.0, "upper": 1.0}}, {"z_error": float("inf")},
     {"more": 1}, {"twin": {"value": 0.5}}, {"z_error": "0.1"}],
)  # fmt: skip
def test_what_is_no_figures_is_refused(change):
    part = {"value": 0.5, "lower": 0.25, "upper": 0.75}
    good = {"n": 10, "shots": 5, "device": part, "simulator": part, "twin": part, "changed": part, "z_error": 0.1,
            "z_shot_noise": 0.1}  # fmt: skip
    assert Figures.from_dict(good).as_dict() == good
    with pytest.raises(ValueError, match="figures"):
        Figures.from_dict({**good, **change})
