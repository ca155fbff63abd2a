"""A classifier and the health checks on the devices of this machine, against what must come out."""

from __future__ import annotations

import numpy as np
import pytest

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.models.registry import build, default_specs
from federation.domain.quantum.device_checks import check_programs, read_check
from federation.domain.quantum.device_figures import Figures, share
from federation.domain.quantum.device_mitigation import calibration_from
from federation.domain.quantum.device_work import (
    NotForDevices,
    chosen,
    figures,
    programs_of,
    run_here,
)
from federation.domain.quantum.noise import NoiseModel, Readout
from federation.domain.quantum.noise_choice import PRESETS
from federation.domain.quantum.providers.program import Gate, Program

PART = {"value": 0.5, "lower": 0.25, "upper": 0.75}
MITIGATED = {
    "device": PART, "changed": PART, "z_error": 0.1, "z_spread": 0.1, "plain_z_spread": 0.1, "calibration_shots": 0,
    "equal_shots": 5, "plain_z_error": 0.1, "difference": 0.0, "lower": -0.1, "upper": 0.1, "verdict": "undecided",
}  # fmt: skip
MADE = {
    "device": "aer", "backend": "aer_simulator", "shots": 1000, "seed": 1, "circuits": 2, "n_qubits": 2, "depth": 1,
    "gates": {"RX": 2}, "noise": None,
}  # fmt: skip
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
    assert run_here(device, [program, Program(3, ())], shots=20, seed=1)[0] == [{"101": 20}, {"000": 20}]


def test_the_figures_stand_beside_the_exact_simulation_and_the_twin():
    primary, baseline = default_specs("classification", 4)
    model, twin, data = build(primary, seed=2), build(baseline, seed=2), patients(20)
    counts, made = run_here("simulator", programs_of(model, data.x), shots=2000, seed=3)
    found = figures(model, twin, data, counts, shots=2000, made=made)
    assert found.mitigated is None and found.facts == made and made["circuits"] == 20 and made["seed"] == 3
    assert found.n == 20 and 0 <= found.device.lower <= found.device.value <= found.device.upper <= 1
    # a noiseless device errs by its shots alone: 80 values, so their ratio is within about four deviations of 1
    assert found.z_error == pytest.approx(found.z_shot_noise, rel=4 / np.sqrt(2 * 80))
    assert found.changed.value <= 0.2


def test_too_few_patients_and_images_are_refused():
    with pytest.raises(NotForDevices, match="at least 10"):
        chosen(patients(9), 100)
    assert [chosen(patients(30), n).n_patients for n in (10, 12, 99)] == [10, 10, 30]
    primary, _ = default_specs("segmentation", 1)
    with pytest.raises(NotForDevices, match="thousands"):
        programs_of(build(primary), patients(10).x)


def test_wilson_by_hand():
    found = share(8, 10)
    assert (found.value, round(found.lower, 4), round(found.upper, 4)) == (0.8, 0.4902, 0.9433)


def test_a_readout_error_is_found_where_it_is():
    counts = [{"00": 900, "01": 100}, {"11": 950, "10": 50}]
    found = read_check("readout", counts, 2, seed=0, made=MADE)
    assert found["subject"] == "noiseless simulator" and found["facts"] == {**MADE, "circuit_seed": 0}
    assert found["qubits"] == [{"false_one": 0.0, "false_zero": 0.0}, {"false_one": 0.1, "false_zero": 0.05}]
    assert (found["value"], found["verdict"]) == (0.1, "fail") and found["mean"] == pytest.approx(0.0375)


def test_quantum_volume_is_no_verdict_on_a_noiseless_simulator_and_fails_a_coin():
    programs = check_programs("quantum_volume", 3, seed=5)
    assert programs == check_programs("quantum_volume", 3, seed=5)
    counts, made = run_here("simulator", programs, shots=100, seed=1)
    found = read_check("quantum_volume", counts, 3, seed=5, made=made)
    assert (found["verdict"], found["quantum_volume"]) == ("not_applicable", 8) and 0.75 < found["value"] < 0.9
    assert "noiseless simulator" in found["text"] and found["facts"]["circuit_seed"] == 5
    other = read_check("quantum_volume", counts, 3, seed=6, made=made)  # judged by other circuits
    assert other["quantum_volume"] is None
    coin = [{format(state, "03b"): 25 for state in range(8)} for _ in programs]
    failed = read_check("quantum_volume", coin, 3, seed=5, made=made)
    assert (failed["value"], failed["verdict"], failed["quantum_volume"]) == (0.5, "fail", None)


def test_quantum_volume_under_noise_is_that_of_the_noise_model():
    programs = check_programs("quantum_volume", 2, seed=5)
    for name, verdict in (("mild", "pass"), ("strong", "fail")):
        counts, made = run_here("aer", programs, shots=200, seed=1, noise=PRESETS[name])
        found = read_check("quantum_volume", counts, 2, seed=5, made=made)
        assert (found["subject"], found["verdict"]) == ("noise model", verdict)
        assert found["facts"]["noise"] == PRESETS[name].facts and "not of a machine" in found["text"]


def test_mitigated_figures_stand_beside_plain_ones_and_say_whether_they_were_worth_it():
    primary, baseline = default_specs("classification", 4)
    model, twin, data = build(primary, seed=2), build(baseline, seed=2), patients(20)
    noise = NoiseModel("misread", readout=Readout(0.02, 0.1))
    record = {"shots": 0, "qubits": [{"false_one": 0.02, "false_zero": 0.1}] * 4}

    def ran(shots: int):
        counts, made = run_here("default.mixed", programs_of(model, data.x), shots=shots, seed=3, noise=noise)
        return figures(model, twin, data, counts, shots=shots, made=made, calibration=calibration_from(record))

    found = ran(20_000)
    assert found.mitigated.verdict == "helps" and found.mitigated.z_error < found.z_error / 4
    assert found.mitigated.z_error == pytest.approx(found.mitigated.z_spread, rel=4 / np.sqrt(2 * 80))
    assert found.mitigated.changed.value <= found.changed.value and found.facts["noise"] == noise.facts
    assert Figures.from_dict(found.as_dict()) == found
    few = ran(10)  # so few shots that the inversion spreads more than it straightens
    assert few.mitigated.verdict != "helps" and few.mitigated.z_spread > few.mitigated.plain_z_spread


@pytest.mark.parametrize(
    "change",
    [{"device": None}, {"device": {"value": float("nan"), "lower": 0.0, "upper": 1.0}}, {"z_error": float("inf")},
     {"more": 1}, {"twin": {"value": 0.5}}, {"z_error": "0.1"}, {"facts": {"device": "x"}}, {"facts": [1]},
     {"mitigated": {"verdict": "helps"}}, {"mitigated": MITIGATED | {"verdict": "perhaps"}},
     {"mitigated": MITIGATED | {"lower": float("nan")}}, {"mitigated": [1]}],
)  # fmt: skip
def test_what_is_no_figures_is_refused(change):
    part = {"value": 0.5, "lower": 0.25, "upper": 0.75}
    good = {"n": 10, "shots": 5, "device": part, "simulator": part, "twin": part, "changed": part, "z_error": 0.1,
            "z_shot_noise": 0.1, "facts": MADE, "mitigated": MITIGATED}  # fmt: skip
    assert Figures.from_dict(good).as_dict() == good
    before = {name: value for name, value in good.items() if name not in {"facts", "mitigated"}}  # as once kept
    assert Figures.from_dict(before).as_dict() == {**before, "facts": {}, "mitigated": None}
    with pytest.raises(ValueError, match="figures|facts"):
        Figures.from_dict({**good, **change})
