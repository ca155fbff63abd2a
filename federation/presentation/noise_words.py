"""A noise model in words: its rates, and what it does to a model that is trained under it."""

from __future__ import annotations

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from federation.domain.quantum.noise import GateNoise, NoiseModel


def rates(model: NoiseModel) -> list[tuple[str, str]]:
    """Terms and values, in per cent."""
    single = [(_("After each %(gate)s") % {"gate": gate}, _gate_words(noise)) for gate, noise in model.gates.items()]
    readout = _("0 read as 1: %(up)s %%; 1 read as 0: %(down)s %%") % {
        "up": _percent(model.readout.one_if_zero), "down": _percent(model.readout.zero_if_one),
    }  # fmt: skip
    return [
        (_("After a gate of one qubit"), _gate_words(model.one_qubit)),
        (_("After a gate of two qubits"), _gate_words(model.two_qubit)),
        *single,
        (_("Readout"), readout),
    ]


def training_noise(model: NoiseModel) -> str:
    """Under what a model is trained, for those who consent to it: every rate, for a name binds to none."""
    return _(
        "Noise model “%(name)s” (SHA-256 %(digest)s): %(rates)s. It strikes the circuit in training; scores, audits "
        "and service are without noise."
    ) % {
        "name": model.name, "digest": model.digest[:12],
        "rates": "; ".join(f"{_within(term)}: {value}" for term, value in rates(model)),
    }  # fmt: skip


def _within(term: str) -> str:
    """Within a sentence; German keeps its nouns as they are."""
    return f"{term[0].lower()}{term[1:]}" if (get_language() or "en").startswith("en") else term


def _gate_words(noise: GateNoise) -> str:
    rates = (
        (_("%(rate)s %% depolarising"), noise.depolarising),
        (_("%(rate)s %% amplitude damping"), noise.amplitude_damping),
        (_("%(rate)s %% dephasing"), noise.dephasing),
    )
    return ", ".join(words % {"rate": _percent(rate)} for words, rate in rates if rate) or _("nothing")


def _percent(rate: float) -> str:
    return f"{100 * rate:g}"
