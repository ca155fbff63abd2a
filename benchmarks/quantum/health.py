"""Does a device's test tell good from bad: quantum volume under growing noise, and readout at, under and over a limit.

The volume's circuits are random two-qubit unitaries, each followed by depolarising on both of its qubits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks.frame import Measure, compared
from benchmarks.quantum.notes import made_with
from federation.domain.quantum.health import Health, quantum_volume, readout_check
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout

DEVICE, SEED = "default.mixed", 1
VOLUMES, QUICK_VOLUMES = (4, 16, 64), (4, 16)
ERRORS = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08)
READOUTS = (Readout(0.01, 0.02), Readout(0.02, 0.05), Readout(0.03, 0.12))
QUBITS, MOST = 5, 0.05
SHOTS, SEEDS = (1_000, 10_000), 20


def measure(*, quick: bool) -> Iterator[Measure]:
    for volume in QUICK_VOLUMES if quick else VOLUMES:
        for error in ERRORS:
            noise = NoiseModel(f"{error:g} a qubit", two_qubit=GateNoise(error), native=("QubitUnitary",))
            found = quantum_volume(DEVICE, volume=volume, seed=SEED, noise=noise if error else None)
            yield _row(f"quantum.health.volume{volume}.error_{error:g}", found, "share of heavy outcomes")
    for readout in READOUTS:
        name = f"{readout.one_if_zero:g} and {readout.zero_if_one:g}"
        for shots in SHOTS:
            noise = NoiseModel(f"readout {name}", readout=readout)
            found = [
                readout_check(DEVICE, QUBITS, shots=shots, seed=seed, most=MOST, noise=noise) for seed in range(SEEDS)
            ]
            yield _readout(f"quantum.health.readout_{readout.zero_if_one:g}.shots_{shots}", found)


def _readout(metric: str, found: list[Health]) -> Measure:
    """How often each verdict was given: one draw of shots alone would be an anecdote."""
    verdicts = ", ".join(f"{verdict} {count}" for verdict, count in Counter(one.verdict for one in found).most_common())
    first = found[0]
    note = f"verdicts of {len(found)} seeds: {verdicts}, at most {MOST:g} asked; seed 0: {first.lower:.3f} to "
    note += f"{first.upper:.3f}; {QUBITS} qubits, {made_with(first.facts)}"
    return compared(metric, [one.value for one in found], "largest error", better="lower", note=note)


def _row(metric: str, found: Health, unit: str) -> Measure:
    note = f"{found.verdict}: {found.lower:.3f} to {found.upper:.3f} against {found.threshold:.3f}"
    return Measure(
        metric, found.value, unit, runs=int(found.facts["circuits"]), note=f"{note}; {made_with(found.facts)}"
    )
