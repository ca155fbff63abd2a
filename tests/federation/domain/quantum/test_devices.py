import subprocess
import sys

import pytest

from federation.domain.quantum import device_errors as errors
from federation.domain.quantum import devices
from federation.domain.quantum.devices import DEVICES, DeviceSpec, Price, find

PLENTY = 2**40


def spec(**changes) -> DeviceSpec:
    fields = {"kind": "local", "max_qubits": 30, "state": "vector", "analytic": True, "noise": False, "max_shots": 100}
    return DeviceSpec("test", "Test", **{**fields, **changes})


def test_the_registry_has_local_and_cloud_devices_and_only_these_need_consent():
    assert {name for name, device in DEVICES.items() if device.needs_consent} == {"ibm", "azure"}
    assert {"simulator", "lightning.qubit", "default.mixed", "aer"} <= set(DEVICES)
    assert all(device.credentials and not device.analytic for device in DEVICES.values() if device.needs_consent)


def test_an_unknown_device_is_refused_with_the_names_that_there_are():
    with pytest.raises(errors.UnknownDevice, match=r"simulator.*azure, got 'quantum'"):
        find("quantum")


@pytest.mark.parametrize(("state", "qubits", "amplitudes"), [("vector", 10, 2**10), ("matrix", 5, 2**10)])
def test_memory_follows_from_the_amplitudes(state, qubits, amplitudes):
    assert spec(state=state).memory_bytes(qubits) == 4 * 16 * amplitudes
    assert spec(state=None).memory_bytes(100) == 0


def test_too_many_qubits_for_the_device_or_the_memory_are_refused():
    with pytest.raises(errors.TooManyQubits, match="expected 1 to 30 qubits, got 31"):
        spec().require_qubits(31, free_bytes=PLENTY)
    needed = spec().memory_bytes(20)
    spec().require_qubits(20, free_bytes=2 * needed)
    with pytest.raises(errors.TooManyQubits, match=r"20 qubits, which take about 0\.06 GiB"):
        spec().require_qubits(20, free_bytes=2 * needed - 2)


def test_shots_that_are_drawn_here_count_for_the_memory():
    """PennyLane holds an integer for each shot and wire, and a copy of it."""
    assert spec().memory_bytes(10, 1000) == spec().memory_bytes(10) + 2 * 8 * 1000 * 10
    assert spec(bytes_per_shot=600).memory_bytes(10, 1000) == spec().memory_bytes(10, 1000) + 600 * 1000
    assert spec(state=None).memory_bytes(10, 1000) == 0
    needed = find("simulator").memory_bytes(20, 10_000_000)
    assert needed > 3e9
    find("simulator").require_qubits(20, free_bytes=needed)
    find("simulator").require_qubits(20, shots=10_000_000, free_bytes=2 * needed)
    with pytest.raises(
        errors.TooManyQubits, match=r"20 qubits and 10,000,000 shots.* about 3\.04 GiB.*fewer qubits or"
    ):
        find("simulator").require_qubits(20, shots=10_000_000, free_bytes=2 * needed - 2)
    find("azure").require_qubits(20, shots=10_000, free_bytes=0)


def test_no_provider_says_on_which_of_its_qubits_a_circuit_runs():
    assert {name for name, device in DEVICES.items() if not device.fixed_qubits} == {"ibm", "azure"}


def test_memory_is_asked_of_the_system_when_it_is_not_given(monkeypatch):
    assert devices.free_memory() > 2**20
    monkeypatch.setattr(devices, "free_memory", lambda: 1)
    with pytest.raises(errors.TooManyQubits, match="GiB"):
        spec().require_qubits(2)


@pytest.mark.parametrize("shots", [0, -1, 101])
def test_shots_out_of_range_are_refused(shots):
    with pytest.raises(errors.ShotsRefused, match=f"expected 1 to 100 shots a circuit, got {shots}"):
        spec().require_shots(shots)


def test_a_sampling_device_wants_shots():
    spec().require_shots(None)
    with pytest.raises(errors.ShotsRefused, match="can only sample, got none"):
        spec(analytic=False).require_shots(None)


@pytest.mark.parametrize("consented", [(), ("azure",), ("ibm-other",)])
def test_consent_to_anything_else_is_no_consent_to_this_cloud_device(consented):
    with pytest.raises(errors.ConsentMissing, match="encoded features leave the house"):
        find("ibm").require_consent(consented)
    find("ibm").require_consent(("azure", "ibm"))
    find("simulator").require_consent(consented)


def test_missing_credentials_are_named_and_an_empty_one_is_missing():
    token = {"IBM_QUANTUM_TOKEN": "secret", "IBM_QUANTUM_INSTANCE": ""}
    with pytest.raises(errors.MissingCredentials, match="got no IBM_QUANTUM_INSTANCE, IBM_QUANTUM_BACKEND") as refusal:
        find("ibm").require_credentials(token)
    assert "secret" not in str(refusal.value)
    find("ibm").require_credentials({**token, "IBM_QUANTUM_INSTANCE": "a", "IBM_QUANTUM_BACKEND": "b"})


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    with pytest.raises(errors.ExtraNotInstalled, match=r"got no no_such_module\. Install them: pip install -r req"):
        spec(modules=("json", "no_such_module")).require_installed()
    with pytest.raises(errors.ExtraNotInstalled, match=r"no_such_module\.deep"):
        spec(modules=("no_such_module.deep",)).require_installed()


def test_a_noise_model_on_a_noiseless_device_is_refused():
    find("default.mixed").require_noise(object())
    find("simulator").require_noise(None)
    with pytest.raises(errors.UnsupportedOption, match=r"choose one of default\.mixed, aer"):
        find("simulator").require_noise(object())


def test_prices_add_up():
    by_gate = Price("s", per_one_qubit_gate_shot=0.01, per_two_qubit_gate_shot=0.1, minimum_per_circuit=5.0)
    assert by_gate.of_circuit(10, 2, 3) == 5  # 0.2 + 3.0, under the minimum
    assert by_gate.of_circuit(100, 2, 3) == pytest.approx(32)
    base = Price("s", per_circuit=1.0, per_shot=0.5, minimum_per_circuit=5.0, minimum_is_base=True)
    assert base.of_circuit(4, 9, 9) == 8
    timed = Price("s", per_second=2.0, seconds_per_shot=0.25)
    assert timed.of_circuit(4, 0, 0) == 2 and timed.is_lower_bound
    for bad in (
        {"source": ""},
        {"source": "s", "per_shot": -1.0},
        {"source": "s", "per_shot": -1},
        {"source": "s", "per_shot": float("nan")},
    ):
        with pytest.raises(ValueError, match="expected a price's source"):
            Price(**bad)


def test_looking_up_devices_imports_no_quantum_package():
    code = (
        "import sys; from federation.domain.quantum import estimates, devices; "
        "estimates.estimate(estimates.Job('ibm', 4, 10, 100)); devices.find('aer').missing_modules(); "
        "print([m for m in ('pennylane', 'qiskit', 'qiskit_aer', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
