"""The checks of `health` as circuits for a provider, and their judgement as plain JSON for the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from federation.domain.quantum import health
from federation.domain.quantum.devices import find
from federation.domain.quantum.providers.program import Counts, Program, program_of

Check = Literal["readout", "quantum_volume"]
MOST_READOUT_ERROR = 0.05


def check_programs(check: Check, n_qubits: int, *, seed: int) -> list[Program]:
    """The circuits of a check; the same for the same seed, so that what is asked again is the same."""
    if check == "readout":
        return [program_of(tape, n_qubits) for tape in health.readout_circuits(n_qubits)]
    models = health.volume_circuits(n_qubits, health.LEAST_CIRCUITS, seed=seed)
    return [program_of(model.tape, n_qubits) for model in models]


def read_check(
    check: Check, counts: Sequence[Counts], n_qubits: int, *, seed: int, made: Mapping[str, Any]
) -> dict[str, Any]:
    """What the counts say of the device.

    Parameters
    ----------
    counts : sequence of Counts
        In the order of `check_programs` with the same qubits and seed.
    made : mapping
        The facts of the run, as in `device_facts`.

    Returns
    -------
    dict
        Verdict, value with bounds and words of `health.Health`. Readout: also each qubit's two errors and their mean.
        Volume: also `quantum_volume`, the confirmed one or None. `subject` says of what it speaks: a machine, a noise
        model, or a noiseless simulator, which passes any such test and so has no verdict.
    """
    shots = sum(counts[0].values())
    facts = {**made, "circuit_seed": seed}
    if check == "readout":
        return _readout(counts, shots, n_qubits, facts)
    models = health.volume_circuits(n_qubits, len(counts), seed=seed)
    outcomes = [_frequencies(seen, n_qubits) for seen in counts]
    found = health.judge_volume(models, outcomes, facts)
    passed = found.verdict == "PASS"  # a noiseless simulator reaches it too, which is enough for a run on that one
    return {**_judged(found), "tried": 2**n_qubits, "quantum_volume": 2**n_qubits if passed else None}


def _readout(counts: Sequence[Counts], shots: int, n_qubits: int, facts: dict[str, Any]) -> dict[str, Any]:
    zeros, ones = counts
    wrong = health.ReadoutCounts(
        tuple(sum(times for bits, times in zeros.items() if bits[wire] == "1") for wire in range(n_qubits)),
        tuple(sum(times for bits, times in ones.items() if bits[wire] == "0") for wire in range(n_qubits)),
        shots,
    )
    pairs = zip(wrong.ones_of_zero, wrong.zeros_of_one, strict=True)
    return {
        **_judged(health.judge_readout(wrong, facts, most=MOST_READOUT_ERROR)),
        "qubits": [{"false_one": first / shots, "false_zero": second / shots} for first, second in pairs],
        "mean": (sum(wrong.ones_of_zero) + sum(wrong.zeros_of_one)) / (2 * shots * n_qubits),
    }


def _judged(found: health.Health) -> dict[str, Any]:
    subject = find(str(found.facts["device"])).subject(found.facts["noise"])
    vacuous = subject == "noiseless simulator" and found.verdict == "PASS"
    return {
        "verdict": "not_applicable" if vacuous else found.verdict.lower(), "value": found.value, "lower": found.lower,
        "upper": found.upper, "threshold": found.threshold, "text": found.text, "subject": subject,
        "facts": dict(found.facts),
    }  # fmt: skip


def _frequencies(seen: Counts, n_qubits: int) -> np.ndarray:
    found = np.zeros(2**n_qubits)
    for bits, times in seen.items():
        found[int(bits, 2)] = times
    return found / found.sum()
