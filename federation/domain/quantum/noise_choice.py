"""Noise models that a run on a simulator can choose: a few with a name, or rates of one's own.

Light: forms and pages import this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from federation.domain.quantum.noise import FORMAT, NATIVE, GateNoise, NoiseModel, Readout

# Rotations about Z are a change of the reference of phases on most machines, so they are free of noise.
FREE_OF_NOISE = {"RZ": GateNoise()}
_CHOICES = (
    NoiseModel("mild", GateNoise(0.0005), GateNoise(0.005), FREE_OF_NOISE, Readout(0.01, 0.02)),
    NoiseModel("decaying", GateNoise(0.001, 0.01, 0.01), GateNoise(0.01, 0.04, 0.04), FREE_OF_NOISE,
               Readout(0.02, 0.06)),
    NoiseModel("strong", GateNoise(0.005, 0.03, 0.03), GateNoise(0.03, 0.10, 0.10), FREE_OF_NOISE, Readout(0.03, 0.12)),
)  # fmt: skip
PRESETS: Mapping[str, NoiseModel] = {model.name: model for model in _CHOICES}
OWN = "own rates"
# 3/4 of depolarising leaves nothing of a state; a readout that errs more often than not is one with its ends swapped.
MOST = {"depolarising": 0.75, "amplitude_damping": 1.0, "dephasing": 1.0, "one_if_zero": 0.5, "zero_if_one": 0.5}
NAME_LENGTH = 60
_NAME = re.compile(r"[\w .,-]+")
_PARTS = {"one_qubit": GateNoise, "two_qubit": GateNoise, "readout": Readout}
_KEYS = {"format", "name", "native", "gates", "sha256", *_PARTS}


def recorded(model: NoiseModel | None) -> dict[str, Any] | None:
    """The model with its digest, as orders, results and the ledger hold it."""
    return None if model is None else {**model.as_dict(), "sha256": model.digest}


def read(raw: Any) -> NoiseModel:
    """The noise model that somebody asked for.

    Parameters
    ----------
    raw : mapping
        ``{"preset": "mild"}``; or rates: some of `one_qubit`, `two_qubit`, `readout`, and a `name`. `gates` holds the
        rates of single gates; left out, RZ is free of noise. What `recorded` gave is read too.

    Raises
    ------
    ValueError
        The message says what was expected and what came.
    """
    if not isinstance(raw, Mapping):
        raise ValueError(f"expected a noise model as an object, got {str(raw)[:60]!r}")
    if "preset" in raw:
        if set(raw) != {"preset"} or raw["preset"] not in list(PRESETS):
            raise ValueError(f"expected a preset alone, among {', '.join(PRESETS)}, got {str(dict(raw))[:80]}")
        return PRESETS[raw["preset"]]
    if unknown := sorted(set(map(str, raw)) - _KEYS):
        raise ValueError(f"expected preset, or some of {', '.join(sorted(_KEYS))}, got {', '.join(unknown)[:80]}")
    for part, kind in _PARTS.items():
        _require_rates(part, raw.get(part, {}), kind)
    gates = raw.get("gates", {"RZ": {}})
    if not isinstance(gates, Mapping) or set(gates) - set(NATIVE):
        raise ValueError(f"expected gates among {', '.join(NATIVE)}, got {str(gates)[:60]}")
    for gate, rates in gates.items():
        _require_rates(gate, rates, GateNoise)
    if raw.get("native", NATIVE) not in (NATIVE, list(NATIVE)):
        raise ValueError(f"expected the native gates {', '.join(NATIVE)}, in which runs are written")
    name = _named(raw.get("name", OWN))
    empty: dict[str, Any] = dict.fromkeys(_PARTS, {})
    given = {**empty, **raw, "format": raw.get("format", FORMAT), "name": name, "gates": gates}
    model = NoiseModel.from_dict({**given, "native": NATIVE})
    if model.is_noiseless:
        raise ValueError("expected at least one error rate above 0, got none; leave the noise model out")
    if raw.get("sha256", model.digest) != model.digest:
        raise ValueError("expected the digest of these rates, got another; leave sha256 out")
    known = PRESETS.get(name.casefold())
    if known is not None and known != model:
        raise ValueError(f"expected a name of its own for rates that are not those of the preset {known.name}")
    return model


def _named(name: Any) -> str:
    """The name as signers read it, within sentences."""
    told = name.strip() if isinstance(name, str) else ""
    if not 0 < len(told) <= NAME_LENGTH or not _NAME.fullmatch(told):
        raise ValueError(
            f"expected a name of 1 to {NAME_LENGTH} characters, letters, digits, spaces and . , _ - alone, got "
            f"{str(name)[:80]!r}"
        )
    return told


def _require_rates(part: str, rates: Any, kind: type[GateNoise] | type[Readout]) -> None:
    names = [field.name for field in fields(kind)]
    if not isinstance(rates, Mapping) or set(rates) - set(names):
        raise ValueError(f"expected {part} with some of {', '.join(names)}, got {str(rates)[:60]}")
    for name, rate in rates.items():
        number = isinstance(rate, int | float) and not isinstance(rate, bool)
        if not number or not 0 <= rate <= MOST[name]:  # nor is NaN
            raise ValueError(f"expected {part}.{name} from 0 to {MOST[name]:g}, got {str(rate)[:40]}")
