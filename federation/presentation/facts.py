"""What the sites of a run consent to, in words and figures, from the frozen configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from federation.domain.noise_config import least_sites, shared_noise
from federation.domain.noised_scores import ScoresConfig
from federation.domain.participation import Participation
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.spec import circuit_of, is_quantum, noise_of
from federation.domain.run_config import MODEL_NAMES, carrier
from federation.domain.strategies.registry import strategy
from federation.presentation.fairness import fairness_words
from federation.presentation.model_words import circuit_words, label_of
from federation.presentation.noise_words import training_noise
from federation.presentation.parameters import count_parameters
from federation.presentation.requirement import requirement_words
from federation.presentation.security import security_words
from federation.presentation.start import start_privacy_words, start_words

KIND_WORDS = {
    "vqc_classifier": "variational quantum classifier",
    "mlp_classifier": "multilayer perceptron",
    "logistic_regression": "logistic regression",
    "chest_vqc": "convolutional network with a quantum core",
    "chest_cnn": "convolutional network with a classical core",
    "hybrid_unet": "U-Net with a quantum core",
    "unet2d": "U-Net with a classical core",
    "unet3d": "U-Net in three dimensions",
    "unet": "U-Net with a classical core",
    "transferred_vqc": "variational quantum classifier on another model's encoder",
    "transferred_mlp": "multilayer perceptron on another model's encoder",
}
NO_PRIVACY = "No differential privacy: the loss of privacy is not bounded."


@dataclass(frozen=True)
class CircuitFacts:
    """The quantum part of a model. Circuits of a run are simulated: analytic expectation values, no shots, no noise
    but that of `trained_under`, which strikes in training alone.
    """

    n_qubits: int
    layers: int
    depth: int
    n_parameters: int
    entangling: bool
    how: str  # layers, inputs and start, in words
    entangler: str = "CNOT"
    stride: int = 0  # pixels from one circuit to the next; 0: one circuit for each input
    trained_under: NoiseModel | None = None

    @property
    def words(self) -> str:
        where, entangled = _("one for each input"), _("without entanglement")
        if self.stride:
            where = _("one at every %(stride)s x %(stride)s pixels") % {"stride": self.stride}
        if self.entangling:
            entangled = _("entangled by %(gate)s gates") % {"gate": self.entangler}
        simulated = (
            _("simulated exactly, without shots or noise")
            if self.trained_under is None
            else _("simulated exactly, without shots; trained under noise, scored and used without")
        )
        return _(
            "%(qubits)s qubits, %(layers)s layers %(entangled)s, depth %(depth)s, %(angles)s angles; %(where)s; "
            "%(simulated)s"
        ) % {
            "qubits": self.n_qubits, "layers": self.layers, "depth": self.depth, "angles": self.n_parameters,
            "entangled": entangled, "where": where, "simulated": simulated,
        }  # fmt: skip


@dataclass(frozen=True)
class ModelFacts:
    """One of the two models of a run."""

    name: str  # primary or baseline
    label: str
    kind: str  # in words
    n_parameters: int | None  # None for a kind that this page does not know
    circuit: CircuitFacts | None


def model_facts(config: Mapping[str, Any]) -> list[ModelFacts]:
    """The quantum model and its classical twin, as frozen."""
    found = []
    for name in MODEL_NAMES:
        spec, label = config["models"][name], label_of(config, name)
        kind = KIND_WORDS.get(spec["kind"], str(spec["kind"]))
        found.append(ModelFacts(name, label, kind, count_parameters(spec), _circuit(spec)))
    return found


def _circuit(spec: Mapping[str, Any]) -> CircuitFacts | None:
    if not is_quantum(spec):
        return None
    shape = circuit_of(spec)
    stride = 2 ** (len(spec["channels"]) - 1) if "standardise" in spec else 0
    return CircuitFacts(
        shape.n_qubits, shape.layers, shape.depth, shape.n_parameters, shape.entangling, circuit_words(spec),
        shape.entangler, stride, noise_of(spec),
    )  # fmt: skip


def privacy_words(config: Mapping[str, Any]) -> str:
    """What the run may cost each patient in privacy, in one or two sentences."""
    dp = config["local"].get("dp")
    if dp is None or config["epsilon_budget"] is None:
        return _(NO_PRIVACY)
    said = _(
        "Differential privacy for each patient record: training stops when a site has spent ε = %(budget)s at "
        "δ = %(delta)s, over both models together. Noise multiplier %(noise)s, gradients clipped at %(clip)s."
    ) % {
        "budget": f"{config['epsilon_budget']:g}", "delta": f"{dp['delta']:g}",
        "noise": f"{dp['noise_multiplier']:g}", "clip": f"{dp['max_grad_norm']:g}",
    }  # fmt: skip
    parts = (said, start_privacy_words(config), _noise_words(config), scores_words(config))
    return " ".join(part for part in parts if part)


def scores_words(config: Mapping[str, Any]) -> str:
    """What becomes of the scores of a run with differential privacy."""
    if config.get("scores") is None:
        return _("No scores leave the sites: none were agreed.")
    scores = ScoresConfig.from_dict(config["scores"])
    return _(
        "Scores leave the sites with noise of %(noise)s patients on each number (one standard deviation) and may spend "
        "ε = %(spent)s of the patients who are scored, other ones than are trained on; groups are scored after the "
        "last round."
    ) % {"noise": f"{scores.noise_sd:.3g}", "spent": f"{scores.epsilon:g}"}


def _noise_words(config: Mapping[str, Any]) -> str:
    """Who makes the noise, where it is not each site by itself."""
    noise = shared_noise(config.get("privacy"))
    if noise is None:
        return ""
    said = (
        _(
            "All sites make the noise together, in whole numbers (%(levels)s to a clipped gradient) that only their "
            "masked sum shows: it is enough with %(quorum)s sites, even if %(colluding)s of them tell their shares. "
            "With fewer than %(least)s sites a round is discarded and nothing of it opened; what it spent stays spent."
        )
        if noise.colluding
        else _(
            "All sites make the noise together, in whole numbers (%(levels)s to a clipped gradient) that only their "
            "masked sum shows: it is enough with %(quorum)s sites. With fewer than %(least)s sites a round is "
            "discarded and nothing of it opened; what it spent stays spent."
        )
    )
    least = least_sites(config["privacy"], config["security"])
    return said % {
        "levels": f"{noise.levels:,}", "quorum": noise.quorum, "colluding": noise.colluding, "least": least,
    }  # fmt: skip


def _rule(config: Mapping[str, Any]) -> str:
    rule = strategy(config["strategy"], config.get("strategy_options"))
    told = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in rule.options().items())
    return f"{_(rule.words)} ({rule.title}{': ' + told if told else ''})"


def _participation(config: Mapping[str, Any]) -> str:
    part, sites = Participation.from_dict(config.get("participation")), len(config["data_digests"])
    needed = part.needed(sites)
    who = (
        _("All %(sites)s sites, in every round")
        if needed == sites
        else _("At least %(needed)s of %(sites)s sites in a round")
    ) % {"needed": needed, "sites": sites}
    if part.deadline_seconds is None:
        return _("%(who)s; it waits for them without a deadline") % {"who": who}
    return _("%(who)s; after %(seconds)s s it goes on without those that have not answered") % {
        "who": who, "seconds": part.deadline_seconds,
    }  # fmt: skip


ENGINE_WORDS = {
    "flare": "NVIDIA FLARE: its server at the platform, a client of its own at each site, certificates of its own. A "
    "site's worker refuses an order of this run that comes another way.",
}
AUGMENT_WORDS = {
    "flips": "images mirrored at random",
    "affine": "images mirrored, turned, scaled and shifted at random",
    "full": "images mirrored, turned, scaled, shifted and changed in contrast at random",
}


def _how(local: Mapping[str, Any]) -> str:
    """What local training does besides; runs of before there was a choice say nothing."""
    said = []
    if local.get("schedule") == "cosine":
        said.append(_("falling to nearly 0 along a half cosine"))
    if local.get("slices"):
        said.append(_("%(n)s slices of each patient in a pass") % {"n": local["slices"]})
    if local.get("augment", "none") != "none":
        said.append(_(AUGMENT_WORDS[local["augment"]]))
    if local.get("hide"):
        said.append(_("a sequence hidden in %(share)s of the images") % {"share": f"{local['hide']:.0%}"})
    if local.get("misses", 0.5) != 0.5:
        weights = {"missed": f"{local['misses']:g}", "false": f"{1 - local['misses']:g}"}
        said.append(_("missed pixels weigh %(missed)s and false ones %(false)s") % weights)
    return "".join(f"; {words}" for words in said)


def _training(config: Mapping[str, Any]) -> str:
    local, noise = config["local"], shared_noise(config.get("privacy"))
    if noise is not None:
        return _("One step a round, which takes each patient with probability %(share)s; learning rate %(rate)s") % {
            "share": f"{noise.sample_rate:g}", "rate": f"{local['learning_rate']:g}{_how(local)}",
        }  # fmt: skip
    return ngettext(
        "%(n)s pass over the patients a round, %(batch)s patients a step, learning rate %(rate)s",
        "%(n)s passes over the patients a round, %(batch)s patients a step, learning rate %(rate)s",
        local["epochs"],
    ) % {
        "n": local["epochs"], "batch": local["batch_size"], "rate": f"{local['learning_rate']:g}{_how(local)}",
    }  # fmt: skip


def _leaves(config: Mapping[str, Any]) -> str:
    if (config.get("security") or {}).get("masking"):
        if shared_noise(config.get("privacy")):
            return _(
                "Noised sums of clipped gradients and sums of scores by group, both masked. No patient record and no "
                "path."
            )
        return _("Changes of model weights and sums of scores by group, both masked. No patient record and no path.")
    return _("Signed model weights, and sums of scores by group. No patient record and no path.")


def consent_words(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The frozen configuration as terms and plain sentences, in the order in which a site would ask."""
    rounds = config["rounds"]
    rows = [("Task", config["task"].capitalize())]
    if begins := start_words(config):
        rows.append(("Begins from", begins))
    for facts in model_facts(config):
        size = _("size unknown")
        if facts.n_parameters is not None:
            size = _("%(n)s parameters") % {"n": f"{facts.n_parameters:,}"}
        kind = _(facts.kind)
        rows.append((facts.label, f"{kind[0].upper()}{kind[1:]}, {size}"))
        if facts.circuit is not None:
            rows += [("Circuit", facts.circuit.words), ("Layers and inputs", facts.circuit.how)]
            if noise := facts.circuit.trained_under:
                rows.append(("Noise in training", training_noise(noise)))
    if required := requirement_words(config):
        rows.append(("Required of the device", required))
    rows += [
        ("Rounds", ngettext("%(n)s round", "%(n)s rounds", rounds) % {"n": rounds} + f"; {_rule(config)}"),
        ("Who must take part", _participation(config)),
        (
            "Training at each site",
            _training(config),
        ),
        *([("Weights of patients", fairness_words(config))] if config.get("fairness") else []),
        ("Privacy", privacy_words(config)),
        ("Messages", security_words(config)),
        *([("Carried by", _(ENGINE_WORDS[carrier(config)]))] if config.get("engine") else []),
        ("Seed", str(config["seed"])),
        ("What leaves a site", _leaves(config)),
    ]
    return rows
