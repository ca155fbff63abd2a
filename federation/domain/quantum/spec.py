"""The part of a model's spec that fixes its circuit: read and checked here, and nowhere else.

A spec names qubits, layers and entangling. What it leaves out of `OPTIONS` is as it was before there was a choice, so
that a spec of then still means the same circuit. Imports no torch: pages read specs too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.messages import canonical
from federation.domain.quantum import noise_choice
from federation.domain.quantum.circuits import ANGLES, EMBEDDINGS, MAX_LAYERS, MAX_QUBITS, CircuitShape
from federation.domain.quantum.noise import NoiseModel

REQUIRED = ("qubits", "layers", "entangling")
OPTIONS = ("ansatz", "embedding", "reupload", "start", "noise")
MIN_QUBITS = 4  # audits read four outputs of the core
MOST_AMPLITUDE_QUBITS = 6  # 64 amplitudes, each a row of the linear map before the circuit and a wire of the audits
MOST_NOISY_QUBITS = 6  # 4^6 numbers for each input and each gate of a step
SMALL, IDENTITY = "small", "identity"
STARTS = (SMALL, IDENTITY)
TRUTH = "expected %(key)s to be true or false, got %(got)s"
WHOLE = "expected %(key)s to be an integer from %(low)s to %(high)s, got %(got)s"
TOO_MANY_QUBITS = (
    "expected %(key)s to be an integer from %(low)s to %(high)s, got %(got)s: each more doubles the memory of every "
    "sample"
)


class SpecError(ValueError):
    """A spec, or a choice of one, that cannot be built.

    Attributes
    ----------
    field : str
        The key that is to be changed, empty for the whole.
    message : str
        What was expected and what came, with ``%(name)s`` for each of `values`: pages say it in their language.
    """

    def __init__(self, field: str, message: str, *, model: str = "", **values: object) -> None:
        self.field, self.message, self.values = field, message, values
        super().__init__((f"{model}: " if model else "") + message % values)


def is_quantum(spec: Mapping[str, Any]) -> bool:
    """Does the spec have a circuit?"""
    return "qubits" in spec


def circuit_of(spec: Mapping[str, Any]) -> CircuitShape:
    """The circuit of a quantum model's spec. Raises KeyError or ValueError for any other."""
    options = {name: spec[name] for name in ("ansatz", "embedding", "reupload") if name in spec}
    return CircuitShape(spec["qubits"], spec["layers"], spec["entangling"], **options)


def start_of(spec: Mapping[str, Any]) -> str:
    """How the angles start: "small" ones, or "identity", blocks of two layers of which the second undoes the first."""
    return str(spec.get("start", usual_start(spec.get("ansatz", "strong"))))


def noise_of(spec: Mapping[str, Any]) -> NoiseModel | None:
    """The device's noise under which the circuit is trained; None: trained without noise, as it is used."""
    return NoiseModel.from_dict(spec["noise"]) if "noise" in spec else None


def usual_start(ansatz: str) -> str:
    return IDENTITY if ansatz == "mirrored" else SMALL


def short(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without what it says of the usual circuit, so that one model has one spec, and one hash."""
    shape = circuit_of(spec)
    usual = {
        "ansatz": "strong", "embedding": "RX", "reupload": shape.embedding != "amplitude",
        "start": usual_start(shape.ansatz),
    }  # fmt: skip
    return {name: value for name, value in spec.items() if name not in usual or value != usual[name]}


def check_circuit(name: str, spec: Mapping[str, Any], *, amplitudes: bool, devices: bool) -> None:
    """Raise SpecError unless the spec's circuit can be built and trained.

    Parameters
    ----------
    name : str
        Of the model, for the message.
    amplitudes : bool
        Can the model load its features as amplitudes?
    devices : bool
        Can its circuit be ordered on a device, and so be trained under the noise of one?
    """
    qubits = spec["qubits"]
    too_many = isinstance(qubits, int) and qubits > MAX_QUBITS
    require_whole(name, "qubits", qubits, MIN_QUBITS, MAX_QUBITS, TOO_MANY_QUBITS if too_many else WHOLE)
    require_whole(name, "layers", spec["layers"], 1, MAX_LAYERS)
    for key in ("entangling", "reupload"):
        if not isinstance(spec.get(key, True), bool):
            raise SpecError(key, TRUTH, model=name, key=key, got=repr(spec[key]))
    for key, known in (("ansatz", tuple(ANGLES)), ("embedding", EMBEDDINGS), ("start", STARTS)):
        if key in spec and spec[key] not in known:
            raise SpecError(
                key, "expected %(key)s to be one of %(known)s, got %(got)s", model=name, key=key,
                known=", ".join(known), got=repr(spec[key]),
            )  # fmt: skip
    _check_together(name, spec)
    if spec.get("embedding") == "amplitude":
        _check_amplitudes(name, spec, known=amplitudes)
    if "noise" in spec:
        _check_noise(name, spec, known=devices)


def _check_together(name: str, spec: Mapping[str, Any]) -> None:
    """What one key asks of another."""
    if start_of(spec) == IDENTITY and spec.get("ansatz") != "mirrored":
        raise SpecError(
            "start", "expected the start small with %(ansatz)s layers, got identity: only mirrored layers undo one "
            "another", model=name, ansatz=spec.get("ansatz", "strong"),
        )  # fmt: skip
    if start_of(spec) == IDENTITY and spec["layers"] < 2:
        raise SpecError(
            "layers", "expected two layers at least to start as the identity, got %(got)s: the second undoes the first",
            model=name, got=spec["layers"],
        )  # fmt: skip


def _check_amplitudes(name: str, spec: Mapping[str, Any], *, known: bool) -> None:
    if not known:
        raise SpecError(
            "embedding", "expected an embedding of angles, %(known)s, got amplitude: the circuits at the positions of "
            "an image take one angle a qubit", model=name, known=", ".join(EMBEDDINGS[:3]),
        )  # fmt: skip
    if spec["qubits"] > MOST_AMPLITUDE_QUBITS:
        raise SpecError(
            "qubits", "expected at most %(most)s qubits with amplitudes, of which there are 2 to the power of their "
            "number, got %(got)s", model=name, most=MOST_AMPLITUDE_QUBITS, got=spec["qubits"],
        )  # fmt: skip
    if spec.get("reupload"):
        raise SpecError(
            "reupload", "expected amplitudes to be loaded once, got reupload: they are the first state, which cannot "
            "be loaded again", model=name,
        )  # fmt: skip


def _check_noise(name: str, spec: Mapping[str, Any], *, known: bool) -> None:
    if not known:
        raise SpecError(
            "noise", "expected training without noise, got a noise model: the circuit of this kind of model runs on "
            "no device here", model=name,
        )  # fmt: skip
    if spec.get("embedding") == "amplitude":
        raise SpecError(
            "noise", "expected training without noise where amplitudes are loaded, got a noise model: on a device "
            "these are loaded by a tree of gates that depends on the input", model=name,
        )  # fmt: skip
    if spec["qubits"] > MOST_NOISY_QUBITS:
        raise SpecError(
            "qubits", "expected at most %(most)s qubits in training under noise, whose memory is 4 to the power of "
            "their number, got %(got)s", model=name, most=MOST_NOISY_QUBITS, got=spec["qubits"],
        )  # fmt: skip
    if canonical(noise_choice.recorded(read_noise(spec["noise"]))) != canonical(spec["noise"]):
        raise SpecError(
            "noise", "expected a noise model as it is recorded, with every rate and its digest, got another",
            model=name,
        )  # fmt: skip


def read_noise(raw: Any) -> NoiseModel:
    """As `noise_choice.read`. Raises SpecError."""
    try:
        return noise_choice.read(raw)
    except ValueError as error:
        raise SpecError("noise", "%(said)s", said=str(error)) from error


def require_whole(name: str, key: str, value: Any, low: int, high: int, message: str = WHOLE) -> None:
    """Raise SpecError, with the message, unless the value is an integer in the range."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SpecError(key, message, model=name, key=key, low=low, high=high, got=repr(value))
