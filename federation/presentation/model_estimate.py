"""What the models that are about to be proposed amount to: parameters, and circuits for a patient or an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from federation.domain.quantum.circuits import plan_of
from federation.domain.quantum.spec import circuit_of, noise_of
from federation.presentation.model_words import label_of
from federation.presentation.noise_words import training_noise
from federation.presentation.parameters import count_parameters

if TYPE_CHECKING:
    from federation.forms_models import ModelForm

SLOWER = gettext_noop(
    "The circuit takes many times as long in training as without noise, more with qubits and layers; so do audits that "
    "repeat training."
)


def model_part(form: ModelForm) -> dict[str, Any]:
    """The part of the form for a run that chooses its models, and what is chosen amounts to; empty if it has errors."""
    return {"model_form": form, "model_estimate": estimate(form.specs(), form.shape) if form.is_ready else []}


def estimate(specs: tuple[Mapping[str, Any], Mapping[str, Any]], shape: Sequence[int] | None) -> list[tuple[str, str]]:
    """Terms and values, counted from the specs alone."""
    primary, baseline = specs
    config, circuit = {"models": {"primary": primary, "baseline": baseline}}, circuit_of(primary)
    plan, noise = plan_of(circuit), noise_of(primary)
    found = [
        (
            _("Quantum model"),
            _("%(all)s parameters, %(angles)s of them angles of the circuit")
            % {"all": f"{count_parameters(primary):,}", "angles": circuit.n_parameters},
        ),
        (_(label_of(config, "baseline")), _("%(all)s parameters") % {"all": f"{count_parameters(baseline):,}"}),
        (_("Circuits"), _runs(primary, shape)),
        (
            _("Circuit"),
            _("%(gates)s gates on %(qubits)s qubits, depth %(depth)s")
            % {"gates": len(plan.gates), "qubits": plan.n_qubits, "depth": plan.depth},
        ),
    ]
    if noise is not None:
        found += [(_("Noise in training"), training_noise(noise)), (_("Time"), _(SLOWER))]
    return found


def _runs(spec: Mapping[str, Any], shape: Sequence[int] | None) -> str:
    if spec["kind"] != "hybrid_unet":
        return _("one for each image") if "channels" in spec else _("one for each patient")
    stride = 2 ** (len(spec["channels"]) - 1)
    if not shape or len(shape) != 3:
        return _("one at every %(stride)s x %(stride)s pixels") % {"stride": stride}
    height, width = shape[1:]
    return _("%(n)s for each image of %(height)s x %(width)s pixels") % {
        "n": (height // stride) * (width // stride), "height": height, "width": width,
    }  # fmt: skip
