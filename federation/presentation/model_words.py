"""The models of a run in words: how the circuit is built, and what the model is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from federation.domain.models.choice import LOGISTIC, NO_ENTANGLEMENT, TWIN
from federation.domain.models.specs import compared_of
from federation.domain.quantum.spec import circuit_of, start_of
from federation.domain.run_config import MODEL_NAMES

ANSATZ_WORDS = {
    "strong": gettext_noop("strongly entangling layers"),
    "hardware": gettext_noop("hardware-efficient layers"),
    "mirrored": gettext_noop("mirrored layers"),
}
START_WORDS = {
    "small": gettext_noop("training starts from small angles"),
    "identity": gettext_noop("training starts from the identity, since each second layer undoes the one before it"),
}
_QUANTUM = gettext_noop("Quantum model")


@dataclass(frozen=True)
class _Beside:
    """What a run trains beside its quantum model, in words: a heading, a short one, and its place in a sentence."""

    label: str
    short: str
    article: str
    opponent: str


_BESIDE = {
    TWIN: _Beside(gettext_noop("Classical twin"), gettext_noop("Twin"), "a", gettext_noop("its classical twin")),
    NO_ENTANGLEMENT: _Beside(
        gettext_noop("Ablation without entanglement"), gettext_noop("Ablation"), "an",
        gettext_noop("its ablation without entanglement"),
    ),
    LOGISTIC: _Beside(
        gettext_noop("Logistic regression"), gettext_noop("Logistic"), "a",
        gettext_noop("a logistic regression"),
    ),
}  # fmt: skip


def circuit_words(spec: Mapping[str, Any]) -> str:
    """Layers, loading of the inputs and start of a quantum model."""
    shape = circuit_of(spec)
    layers, inputs, start = (
        _(words) for words in (ANSATZ_WORDS[shape.ansatz], shape.embedding_words, START_WORDS[start_of(spec)])
    )
    return f"{layers[0].upper()}{layers[1:]}; {inputs}; {start}"


def compared(config: Mapping[str, Any]) -> str:
    """What the run trains beside its quantum model, as `ModelChoice.compared` names it."""
    return compared_of(config["models"])


def label_of(config: Mapping[str, Any], name: str) -> str:
    """What the primary or baseline model of the run is, as a heading."""
    return _QUANTUM if name == "primary" else _BESIDE[compared(config)].label


def labels_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Both models' headings, translated."""
    return {name: _(label_of(config, name)) for name in MODEL_NAMES}


def short_labels(config: Mapping[str, Any]) -> dict[str, str]:
    """For the legend of a chart or the head of a column, translated."""
    return {"primary": _("Quantum"), "baseline": _(_BESIDE[compared(config)].short)}


def beside(config: Mapping[str, Any]) -> str:
    """What the quantum model is trained beside, within a sentence."""
    words = _BESIDE[compared(config)]
    return f"{words.article} {words.label[0].lower()}{words.label[1:]}"


def opponent(config: Mapping[str, Any]) -> str:
    """What the quantum model is compared with, within a sentence and translated."""
    return _(_BESIDE[compared(config)].opponent)
