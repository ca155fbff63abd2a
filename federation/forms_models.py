from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from federation.domain.models.choice import LOGISTIC, ModelChoice
from federation.domain.models.specs import DEFAULT_LAYERS, DEFAULT_QUBITS, UNET_QUBITS, chosen_specs
from federation.domain.quantum.circuits import MAX_LAYERS, MAX_QUBITS
from federation.domain.quantum.devices import DEVICES
from federation.domain.quantum.requirement import VOLUMES, DeviceRequirement
from federation.domain.quantum.spec import MIN_QUBITS, SpecError
from federation.forms_quantum import NOISE_PRESETS

YES, NO = "yes", "no"
_REQUIRED = ("quantum_volume", "device")
_OF_DEVICES = ("noise", *_REQUIRED)
_ABLE = [device for device in DEVICES.values() if device.noise or device.needs_consent]  # that are not noiseless
_FLAGS = {YES: True, NO: False, "": None}


class ModelForm(forms.Form):
    """Which quantum model a run trains, and what it is compared with. A field that is not sent is as recommended."""

    compared = forms.ChoiceField(
        label="Trained beside", required=False, widget=forms.RadioSelect, initial="twin",
        choices=[
            ("twin", "Its classical twin, with a hidden layer in place of the circuit and nearly as many parameters"),
            ("no_entanglement", "Itself without entangling gates: what is entanglement worth?"),
            ("logistic", "A logistic regression: is anything but a weighted sum worth its price?"),
        ],
        help_text="Both are trained on the same patients. Without a classical twin nothing is said about what a "
        "classical model could do.",
    )  # fmt: skip
    qubits = forms.IntegerField(
        min_value=MIN_QUBITS, max_value=MAX_QUBITS, required=False, label="Qubits",
        help_text="Also the number of the circuit's outputs. Each one more doubles the memory and about the time.",
    )  # fmt: skip
    layers = forms.IntegerField(
        min_value=1, max_value=MAX_LAYERS, required=False, label="Layers", initial=DEFAULT_LAYERS,
        help_text="Each turns every qubit and entangles. More can say more, and cost time and noise on a device.",
    )  # fmt: skip
    entangling = forms.ChoiceField(
        label="Entangling gates", required=False, initial=YES,
        choices=[(YES, "With entangling gates"), (NO, "Without: the qubits never interact")],
    )  # fmt: skip
    ansatz = forms.ChoiceField(
        label="Layers are", required=False, initial="strong",
        choices=[
            ("strong", "Strongly entangling: three angles a qubit, a ring of CNOT gates"),
            ("hardware", "Hardware-efficient: two angles a qubit, a chain of CZ gates"),
            ("mirrored", "Mirrored: each second layer is the mirror image of the one before it"),
        ],
        help_text="The recommended models were measured with strongly entangling layers.",
    )  # fmt: skip
    embedding = forms.ChoiceField(
        label="Inputs are loaded as", required=False, initial="RX",
        choices=[
            ("RX", "Angles of RX rotations"), ("RY", "Angles of RY rotations"),
            ("RZ", "Angles of RZ rotations, after Hadamard gates"),
            ("amplitude", "Amplitudes of the first state, 2 to the power of the qubits"),
        ],
        help_text="Amplitudes only up to 6 qubits, and not where a circuit stands at each position of an image.",
    )  # fmt: skip
    reupload = forms.ChoiceField(
        label="Inputs are loaded", required=False, initial="",
        choices=[("", "As usual: again before each layer, amplitudes once"), (YES, "Again before each layer"),
                 (NO, "Once")],
    )  # fmt: skip
    start = forms.ChoiceField(
        label="Training starts from", required=False, initial="",
        choices=[
            ("", "As usual: the identity for mirrored layers, else small angles"), ("small", "Small angles"),
            ("identity", "The identity: any angles, undone by each second layer"),
        ],
        help_text="The identity keeps the first gradients large when there are many qubits. Only with mirrored layers.",
    )  # fmt: skip
    noise = forms.ChoiceField(
        label="Trained for a device", required=False, initial="",
        choices=[("", "None in particular: trained without noise"), *NOISE_PRESETS],
        help_text="Training then knows the noise of the device that the model is meant to run on, up to 6 qubits. "
        "Scores, audits and service here run the circuit without noise; a run on a device shows what noise does to it.",
    )  # fmt: skip
    quantum_volume = forms.TypedChoiceField(
        label="Required quantum volume", required=False, coerce=int, empty_value=None,
        choices=[("", "None required"), *((volume, f"At least {volume}") for volume in VOLUMES)],
        help_text="The run starts only if it was measured on the device below and confirmed in the last 7 days.",
    )  # fmt: skip
    device = forms.ChoiceField(
        label="Required of the device", required=False,
        choices=[("", "None in particular"), *((d.name, f"{d.title} ({d.name})") for d in _ABLE)],
        help_text="A machine, or a simulator under the noise chosen above. Only used with a required quantum volume.",
    )  # fmt: skip

    def __init__(
        self, data: QueryDict | None = None, *, task: str, shape: Sequence[int] | None = None,
        from_version: bool = False,
    ) -> None:  # fmt: skip
        """`shape`: of a record at the sites; None while it is not known, or differs. `from_version`: the run
        begins from a version, whose models it trains.
        """
        super().__init__(data, prefix="model")
        self.task, self.shape, self.from_version = task, shape, from_version
        self.fields["qubits"].initial = UNET_QUBITS if task == "segmentation" else DEFAULT_QUBITS
        if task == "segmentation" or (shape is not None and len(shape) > 1):
            for name in _OF_DEVICES:
                del self.fields[name]  # no circuit of theirs can be ordered on a device
            self._withhold("compared", LOGISTIC)
        if task == "segmentation":
            self._withhold("embedding", "amplitude")

    def _withhold(self, name: str, value: str) -> None:
        field: Any = self.fields[name]
        field.choices = [choice for choice in field.choices if choice[0] != value]  # a copy of this form's own

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            if cleaned.get("quantum_volume") and not cleaned.get("device"):
                self.add_error("device", "Choose the device whose quantum volume is required.")
                return cleaned
            try:
                primary = self.specs()[0]
                required = self.requirement()
                if required and not self.from_version:  # of the version's models the configuration tells
                    required.check_fits(primary, on_devices=True)
            except SpecError as error:
                said = _(error.message) % error.values
                self.add_error(error.field if error.field in self.fields else None, f"{said[0].upper()}{said[1:]}.")
        return cleaned

    @property
    def is_ready(self) -> bool:
        """Can its models be built? An empty form stands for the recommended ones."""
        if self.is_bound:
            return self.is_valid()
        try:
            return bool(self.specs())
        except SpecError:
            return False

    def choice(self) -> dict[str, Any]:
        """The argument `model` of `services.run_propose`; empty for a form that was not filled in."""
        chosen = self.cleaned_data if self.is_bound else {}
        read: dict[str, Any] = {name: _FLAGS[chosen.get(name) or ""] for name in ("entangling", "reupload")}
        read["noise"] = {"preset": chosen["noise"]} if chosen.get("noise") else None
        plain = {name: chosen.get(name) or None for name in self.fields if name not in {*read, *_REQUIRED}}
        return {name: value for name, value in {**plain, **read}.items() if value is not None}

    def requirement(self) -> DeviceRequirement | None:
        """What the run requires of a device. Raises SpecError."""
        chosen = self.cleaned_data if self.is_bound else {}
        if not chosen.get("quantum_volume"):
            return None
        return DeviceRequirement(chosen["device"], chosen["quantum_volume"])

    def specs(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The specs that were chosen. Raises SpecError."""
        inputs, *sides = self.shape or (1,)
        choice = ModelChoice.from_dict(self.choice())
        return chosen_specs(self.task, inputs, min(sides, default=None), choice)  # type: ignore[arg-type]
