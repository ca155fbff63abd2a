"""What a card says of the model and its data, in words, from what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from federation.domain.start import start_of
from federation.models import DataManifest
from federation.presentation.model_words import label_of
from models_registry.models import Version

KINDS = {
    "vqc_classifier": "variational quantum classifier",
    "mlp_classifier": "multilayer perceptron",
    "logistic_regression": "logistic regression",
    "chest_vqc": "convolutional network with a quantum bottleneck",
    "chest_cnn": "convolutional network with a classical bottleneck",
    "hybrid_unet": "U-Net with a quantum bottleneck",
    "unet2d": "U-Net with a classical bottleneck",
    "unet3d": "U-Net in three dimensions",
    "unet": "U-Net",
    "transferred_vqc": "variational quantum classifier on another model's encoder",
    "transferred_mlp": "multilayer perceptron on another model's encoder",
}

STRATEGIES = {"fedavg": "federated averaging"}


def outputs(task: str) -> str:
    if task == "segmentation":
        return "A mask of the region for each image, and for each pixel a score from 0 to 1."
    return "A score from 0 to 1 for each patient; at 0.5 and above the patient is flagged."


def types_of_data(task: str, manifests: Sequence[DataManifest]) -> str:
    shapes = {" × ".join(map(str, m.content["shape"])) for m in manifests}
    taken = "Image channels, height and width" if task == "segmentation" else "Features of a patient"
    given = "Mask, height and width of the image" if task == "segmentation" else "One score"
    return f"In: {taken} ({'; '.join(sorted(shapes)) or 'shape not on record'}). Out: {given}."


def model_type(version: Version) -> str:
    circuit, baseline = version.circuit, version.config["models"]["baseline"]
    quantum = circuit.get("quantum")
    words = f"{KINDS.get(circuit['kind'], circuit['kind'])} with {circuit['n_parameters']} parameters".capitalize()
    if quantum:
        words += (
            f"; circuit of {quantum['n_qubits']} qubits, {quantum['layers']} layers, depth {quantum['depth']}, "
            f"{quantum['n_parameters']} parameters, on {quantum['backend']}"
            + (f", {quantum['placement']}" if "placement" in quantum else "")
            + (f", trained under the noise model {under['name']}" if (under := quantum.get("trained_under")) else "")
        )
    return f"{words}. {label_of(version.config, 'baseline')}: {KINDS.get(baseline['kind'], baseline['kind'])}."


def quantum_facts(version: Version) -> dict[str, Any] | None:
    """What every quantum number carries, with the classical baseline beside it; None if no part is quantum.

    `shots` None means exact expectation values, computed without sampling.
    """
    quantum = version.circuit.get("quantum")
    if not quantum:
        return None
    under = quantum.get("trained_under")
    names = (
        "backend", "shots", "n_qubits", "layers", "depth", "n_parameters", "entangling", "embedding", "ansatz", "start",
        "placement",
    )  # fmt: skip
    return {
        **{name: quantum.get(name) for name in names},
        "trained_under": f"{under['name']} (SHA-256 {under['sha256']})" if under else None,
        "seed": version.config["seed"],
        "baseline": {
            "kind": version.config["models"]["baseline"]["kind"],
            "overall": version.metrics.get("baseline", {}).get("overall", {}),
        },
        "overall": version.metrics.get("primary", {}).get("overall", {}),
    }


def foundation(version: Version) -> str:
    """The version that this one began from, and what was taken of it."""
    start = start_of(version.config)
    if start is None:
        return "None: all weights were trained from their initial values in this run."
    taken = {
        None: "all of its weights, with which training went on",
        "tuned": "its encoder, which went on learning; the rest was trained from initial values",
        "frozen": "its encoder, which stayed as it was; the rest was trained from initial values",
    }[start.encoder]
    return (
        f"{start.name} (version {start.version}), trained on this platform: {taken}. Weights of the quantum model "
        f"SHA-256 {start.weights['primary']}."
    )


def data_before(version: Version) -> str:
    """Whose patients influenced the weights before this run; empty for one from initial weights."""
    start = start_of(version.config)
    if start is None:
        return ""
    doubt = (
        f" At {', '.join(start.unclear)} these were other data of the same institution, and whether patients who were "
        "held out there are among them cannot be told, so results may be too good."
        if start.unclear
        else ""
    )
    return f" Before that, {start.name} had learned from patients of {', '.join(start.learned_from)}.{doubt}"


def _privacy_before(version: Version) -> str:
    start = start_of(version.config)
    if start is None:
        return ""
    whose = ", ".join(start.learned_from)
    if start.epsilon is None:
        return (
            f" That is of this run alone: it began from {start.name}, which was trained without differential privacy, "
            f"so the loss of privacy of the patients of {whose} is not bounded."
        )
    return (
        f" It began from {start.name}, which had spent ε ≤ {start.epsilon:.3g} of each of its patients; who was in "
        "both has spent the sum."
    )


def privacy_words(version: Version) -> str:
    """Epsilon by site, or plainly that nothing bounds it."""
    dp = version.config["local"].get("dp")
    spent = {site: value for site, value in version.metrics.get("epsilon", {}).items() if value is not None}
    if not dp:
        return "No differential privacy: the loss of privacy is not bounded."
    if not spent:
        return f"Trained with differential privacy; the ε that was spent is not on record.{_privacy_before(version)}"
    by_site = ", ".join(f"{site} {value:.3g}" for site, value in sorted(spent.items()))
    together = (version.config.get("privacy") or {}).get("regime") == "distributed"
    maker = "all sites together" if together else "each site"
    besides = _scores_words(version) + _privacy_before(version)
    return (
        f"Differential privacy for each patient: ε ≤ {max(spent.values()):.3g} at δ = {dp['delta']:g} ({by_site}). "
        f"Rényi bound over both models; the noise was made by {maker}.{besides}"
    )


def _scores_words(version: Version) -> str:
    scores = version.config.get("scores")
    if scores is None:
        return ""
    return f" Of the patients who were scored, other ones, the scores of all rounds spent ε ≤ {scores['epsilon']:g}."


def training_data(manifests: Sequence[DataManifest]) -> str | None:
    """Patients and groups by site, as the sites' manifests declare them; None without a manifest."""
    lines = []
    for manifest in manifests:
        content = manifest.content
        groups = "; ".join(
            f"{attribute}: {', '.join(f'{name} {count:,}' for name, count in sorted(counts.items()))}"
            for attribute, counts in sorted(content.get("groups", {}).items())
        )
        lines.append(f"{manifest.participant}: {content['n_patients']:,} patients" + (f" ({groups})" if groups else ""))
    return ". ".join(lines) + "." if lines else None
