"""Noise models that somebody may ask for: named ones, own rates, and what is refused with the reason."""

from __future__ import annotations

import pytest

from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout
from federation.domain.quantum.noise_choice import OWN, PRESETS, read, recorded


def test_a_preset_is_chosen_by_its_name_alone():
    assert read({"preset": "mild"}) is PRESETS["mild"]
    assert len({model.digest for model in PRESETS.values()}) == len(PRESETS) == 3


def test_own_rates_leave_rotations_about_z_free_of_noise_unless_they_are_named():
    found = read({"two_qubit": {"depolarising": 0.01}, "readout": {"one_if_zero": 0.02}})
    assert found == NoiseModel(
        OWN, two_qubit=GateNoise(0.01), gates={"RZ": GateNoise()}, readout=Readout(one_if_zero=0.02)
    )
    assert read({"name": " mine ", "gates": {"RZ": {"dephasing": 0.1}}}).of_gate("RZ") == GateNoise(dephasing=0.1)


def test_what_is_recorded_is_read_again_and_whole_numbers_have_one_digest():
    for model in PRESETS.values():
        assert read(recorded(model)) == model and recorded(model)["sha256"] == model.digest
    assert recorded(None) is None
    whole, point = ({"one_qubit": {"amplitude_damping": rate}} for rate in (1, 1.0))
    assert read(whole).digest == read(point).digest


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("mild", "as an object"),
        ([], "as an object"),
        ({"preset": "loud"}, "mild, decaying, strong"),
        ({"preset": "mild", "name": "x"}, "a preset alone"),
        ({"preset": []}, "a preset alone"),
        ({}, "at least one error rate above 0"),
        ({"one_qubit": {"depolarising": 0}}, "at least one error rate above 0"),
        ({"gates": {"RZ": {}}, "readout": {"one_if_zero": 0.0}}, "at least one error rate above 0"),
        ({"depolarizing": 0.1}, "got depolarizing"),
        ({"one_qubit": {"depolarizing": 0.1}}, "one_qubit with some of depolarising"),
        ({"one_qubit": 0.1}, "one_qubit with some of"),
        ({"one_qubit": {"depolarising": 0.76}}, "one_qubit.depolarising from 0 to 0.75, got 0.76"),
        ({"two_qubit": {"dephasing": -0.1}}, "two_qubit.dephasing from 0 to 1"),
        ({"two_qubit": {"dephasing": float("nan")}}, "from 0 to 1, got nan"),
        ({"two_qubit": {"dephasing": True}}, "from 0 to 1, got True"),
        ({"two_qubit": {"dephasing": "0.1"}}, "from 0 to 1"),
        ({"readout": {"zero_if_one": 0.6}}, "from 0 to 0.5"),
        ({"gates": {"H": {"dephasing": 0.1}}}, "expected gates among RX"),
        ({"gates": [1]}, "expected gates among RX"),
        ({"gates": {"RX": {"dephasing": 2}}}, "RX.dephasing from 0 to 1"),
        ({"readout": {"one_if_zero": 0.1}, "name": "x" * 61}, "1 to 60 characters"),
        ({"readout": {"one_if_zero": 0.1}, "name": 3}, "1 to 60 characters"),
        ({"readout": {"one_if_zero": 0.1}, "native": ["QubitUnitary"]}, "native gates RX"),
        ({"readout": {"one_if_zero": 0.1}, "native": 5}, "native gates RX"),
        ({"readout": {"one_if_zero": 0.1}, "format": 2}, "format 1"),
        ({"readout": {"one_if_zero": 0.1}, "sha256": "0" * 64}, "the digest of these rates"),
    ],
)
def test_what_is_no_noise_model_is_refused_with_the_reason(raw, says):
    with pytest.raises(ValueError, match="expected") as caught:
        read(raw)
    assert says in str(caught.value)
