"""The models of a run in words: how the circuit is built, and what the model is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from federation.domain.quantum.spec import circuit_of, is_quantum, start_of

ANSATZ_WORDS = {
    "strong": gettext_noop("strongly entangling layers"),
    "hardware": gettext_noop("hardware-efficient layers"),
    "mirrored": gettext_noop("mirrored layers"),
}
START_WORDS = {
    "small": gettext_noop("training starts from small angles"),
    "identity": gettext_noop("training starts from the identity, since each second layer undoes the one before it"),
}
ABLATION = gettext_noop("Ablation without entanglement")
LOGISTIC = gettext_noop("Logistic regression")
_LABELS = {"primary": "Quantum model", "baseline": "Classical twin"}
_BESIDE = {  # article for a sentence, and what it is to the quantum model
    ABLATION: ("an", gettext_noop("its ablation without entanglement")),
    LOGISTIC: ("a", gettext_noop("a logistic regression")),
    _LABELS["baseline"]: ("a", gettext_noop("its classical twin")),
}


def circuit_words(spec: Mapping[str, Any]) -> str:
    """Layers, loading of the inputs and start of a quantum model."""
    shape = circuit_of(spec)
    layers, inputs, start = (
        _(words) for words in (ANSATZ_WORDS[shape.ansatz], shape.embedding_words, START_WORDS[start_of(spec)])
    )
    return f"{layers[0].upper()}{layers[1:]}; {inputs}; {start}"


def label_of(config: Mapping[str, Any], name: str) -> str:
    """What the primary or baseline model of the run is, as a heading."""
    spec = config["models"][name]
    if name == "baseline" and is_quantum(spec):  # the model itself without entangling gates
        return ABLATION
    return LOGISTIC if spec["kind"] == "logistic_regression" else _LABELS[name]


def beside(config: Mapping[str, Any]) -> str:
    """What the quantum model is trained beside, within a sentence."""
    words = label_of(config, "baseline")
    return f"{_BESIDE[words][0]} {words[0].lower()}{words[1:]}"


def opponent(config: Mapping[str, Any]) -> str:
    """What the quantum model is compared with, within a sentence and translated."""
    return _(_BESIDE[label_of(config, "baseline")][1])
