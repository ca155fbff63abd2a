from __future__ import annotations

from decimal import Decimal
from typing import cast

from django import forms

from accounts.models import Institution, User
from federation.domain.quantum import noise_choice
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.devices import DEVICES, find
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.noise_choice import MOST
from federation.models import DeviceConsent, QuantumJob, TrainingRun
from federation.quantum_admission import orders_for, orders_for_platform
from federation.quantum_estimate import DECLARED, Order

RUNS_OFFERED = 100
_DEVICES = [(spec.name, f"{spec.offered} ({spec.name})") for spec in DEVICES.values()]
_OWN = "own"
NOISE_PRESETS = [  # their rates are those of noise_choice.PRESETS; a test compares them
    ("mild", "Mild: depolarising 0.05 % and 0.5 %, readout 1 % and 2 %"),
    ("decaying", "Decaying: depolarising 0.1 % and 1 %, damping and dephasing 1 % and 4 %, readout 2 % and 6 %"),
    ("strong", "Strong: depolarising 0.5 % and 3 %, damping and dephasing 3 % and 10 %, readout 3 % and 12 %"),
]
_NOISE = [
    ("", "None: a noiseless simulator, or a machine with noise of its own"), *NOISE_PRESETS,
    (_OWN, "Own rates, given below"),
]  # fmt: skip
_RATES = {  # field: part of the noise model, rate
    "one_depolarising": ("one_qubit", "depolarising"),
    "one_damping": ("one_qubit", "amplitude_damping"),
    "one_dephasing": ("one_qubit", "dephasing"),
    "two_depolarising": ("two_qubit", "depolarising"),
    "two_damping": ("two_qubit", "amplitude_damping"),
    "two_dephasing": ("two_qubit", "dephasing"),
    "one_if_zero": ("readout", "one_if_zero"),
    "zero_if_one": ("readout", "zero_if_one"),
}


def _rate(rate: str, label: str) -> forms.FloatField:
    most = MOST[rate]
    return forms.FloatField(
        min_value=0, max_value=most, required=False, label=label, help_text=f"From 0 to {most:g}."
    )  # fmt: skip


class _OrderForm(forms.Form):
    """What every order names."""

    device = forms.ChoiceField(choices=_DEVICES, label="Device")
    shots = forms.IntegerField(
        min_value=1, max_value=10_000_000, initial=1000, label="Shots per circuit",
        help_text="How often each circuit is run and measured. The error falls with the square root of it.",
    )  # fmt: skip
    cost_limit = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=4, required=False, label="Cost limit, USD",
        help_text="A cloud device needs one: an order whose estimate is above it is refused.",
    )  # fmt: skip
    price_per_shot = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=6, required=False, label="Price per shot, USD",
        help_text="What your contract says, where no price is known here or another one holds.",
    )  # fmt: skip
    price_per_second = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=6, required=False, label="Price per second, USD",
        help_text="Of the processor, where the provider bills its time (IBM does). Only with the seconds of a shot.",
    )  # fmt: skip
    seconds_per_shot = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=9, required=False, label="Seconds per shot",
        help_text="Of one circuit, with the wait between shots, as an earlier job or the provider's estimate says. "
        "What a job takes before its first shot is not counted, so the cost is a lower bound.",
    )  # fmt: skip

    noise = forms.ChoiceField(
        required=False, label="Noise model",
        choices=_NOISE,
        help_text="For the two simulators that can run under one; simulated noise, not that of a machine. Two rates "
        "are those of gates of one and of two qubits, or of a 0 and of a 1 that is misread.",
    )  # fmt: skip

    one_depolarising = _rate("depolarising", "After a gate of one qubit: depolarising")
    one_damping = _rate("amplitude_damping", "After a gate of one qubit: amplitude damping")
    one_dephasing = _rate("dephasing", "After a gate of one qubit: dephasing")
    two_depolarising = _rate("depolarising", "After a gate of two qubits: depolarising")
    two_damping = _rate("amplitude_damping", "After a gate of two qubits: amplitude damping")
    two_dephasing = _rate("dephasing", "After a gate of two qubits: dephasing")
    one_if_zero = _rate("one_if_zero", "Readout: 1 read where the qubit is 0")
    zero_if_one = _rate("zero_if_one", "Readout: 0 read where the qubit is 1")

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)

    @property
    def main(self) -> list[forms.BoundField]:
        return [bound for bound in self.visible_fields() if bound.name not in _RATES]

    @property
    def rates(self) -> list[forms.BoundField]:
        return [self[name] for name in _RATES]

    @property
    def rates_open(self) -> bool:
        """Whether the rates are shown at once: they are asked for, or one of them is wrong."""
        return self["noise"].value() == _OWN or any(name in self.errors for name in _RATES)

    def clean(self) -> dict:
        cleaned = super().clean() or {}
        self._model = None
        if "noise" in self.errors or any(name in self.errors for name in _RATES):
            return cleaned
        try:
            self._model = self._noise_model(cleaned)
            if cleaned.get("device"):
                find(cleaned["device"]).require_noise(self._model)
        except (DeviceError, ValueError) as error:
            self.add_error("noise", str(error))
        return cleaned

    def _noise_model(self, cleaned: dict) -> NoiseModel | None:
        chosen = cleaned.get("noise", "")
        given = {name: cleaned[name] for name in _RATES if cleaned.get(name) is not None}
        if chosen != _OWN:
            if given:
                raise ValueError("expected own rates to be chosen, because rates are given; or leave the rates empty")
            return noise_choice.PRESETS.get(chosen)
        parts: dict[str, dict[str, float]] = {}
        for name, value in given.items():
            part, rate = _RATES[name]
            parts.setdefault(part, {})[rate] = value
        return noise_choice.read(parts)

    def _common(self) -> dict:
        names = ("device", "shots", "cost_limit", *DECLARED)
        return {**{name: self.cleaned_data.get(name) for name in names}, "noise": self._model}


class EvaluationForm(_OrderForm):
    """A trained classifier on a device. The site's own worker runs it."""

    subject = forms.ChoiceField(
        label="Run and site", help_text="Finished runs of a tabular quantum classifier, each with the sites it names.",
        error_messages={"invalid_choice": "Expected a finished run of a tabular classifier and one of its sites."},
    )  # fmt: skip
    patients = forms.IntegerField(
        min_value=10, max_value=10_000, initial=50, label="Patients",
        help_text="At most so many of the site's validation patients, one circuit each; at least 10, in whole tens.",
    )  # fmt: skip
    min_quantum_volume = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label="Required quantum volume",
        choices=[("", "None required"), *((2**n, f"At least {2**n}") for n in range(2, 7))],
        help_text="Measured on this device under the same noise within the last 7 days; otherwise the order is "
        "refused.",
    )  # fmt: skip
    mitigate = forms.BooleanField(
        required=False, label="Mitigate the readout error",
        help_text="Shows the figures with the readout error inverted beside the plain ones, and whether that was worth "
        "its shots. The error is the one measured on this device in the last 7 days, or the noise model's.",
    )  # fmt: skip
    field_order = (
        "subject", "device", "patients", "shots", "noise", "mitigate", "min_quantum_volume", "cost_limit", *DECLARED,
    )  # fmt: skip

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, user=user, **kwargs)
        self._offered = {}
        for run in evaluable_runs(user)[:RUNS_OFFERED]:
            for participant in run.federation.participants.all():
                if orders_for(user, participant.institution) and participant.site in run.config["data_digests"]:
                    self._offered[f"{run.id}:{participant.id}"] = (run, participant)
        self.fields["subject"].choices = [  # type: ignore[attr-defined]
            (key, f"{run.federation.name}: {run.name}, {participant}")
            for key, (run, participant) in self._offered.items()
        ]

    def order(self) -> Order:
        run, participant = self._offered[self.cleaned_data["subject"]]
        return Order(
            purpose=QuantumJob.Purpose.EVALUATION, run=run, participant=participant,
            patients=self.cleaned_data["patients"], min_quantum_volume=self.cleaned_data["min_quantum_volume"],
            mitigate=self.cleaned_data["mitigate"], **self._common(),
        )  # fmt: skip


class CheckForm(_OrderForm):
    """A check of a device's health; it carries no patient's data."""

    purpose = forms.ChoiceField(
        label="Check",
        choices=[(p.value, p.label) for p in (QuantumJob.Purpose.READOUT, QuantumJob.Purpose.VOLUME)],
        help_text="Readout takes 2 circuits; quantum volume takes 100 random ones, as wide as they are deep.",
    )
    qubits = forms.IntegerField(
        min_value=1, max_value=127, initial=4, label="Qubits",
        help_text="Quantum volume is confirmed as 2 to the power of this: 6 qubits for a volume of 64.",
    )  # fmt: skip
    field_order = ("purpose", "device", "qubits", "shots", "noise", "cost_limit", *DECLARED)

    def clean(self) -> dict:
        cleaned = super().clean()
        if cleaned.get("purpose") == QuantumJob.Purpose.VOLUME and not 2 <= (cleaned.get("qubits") or 2) <= 6:
            self.add_error("qubits", "Expected 2 to 6 qubits: a volume of 64 is the largest that is tested.")
        return cleaned

    def order(self) -> Order:
        return Order(purpose=self.cleaned_data["purpose"], qubits=self.cleaned_data["qubits"], **self._common())


FORMS: dict[str, type[EvaluationForm] | type[CheckForm]] = {"evaluation": EvaluationForm, "check": CheckForm}


class JobFilter(forms.Form):
    state = forms.ChoiceField(
        choices=[("", "Any state"), *((s.value, s.value.capitalize()) for s in QuantumJob.State)], required=False
    )
    device = forms.ChoiceField(choices=[("", "Any device"), *_DEVICES], required=False)
    purpose = forms.ChoiceField(choices=[("", "Any purpose"), *QuantumJob.Purpose.choices], required=False)

    def wanted(self) -> dict[str, str]:
        """What is filtered by. A value that does not exist filters nothing."""
        return {name: value for name, value in self.cleaned_data.items() if value} if self.is_valid() else {}


class DeviceConsentForm(forms.Form):
    run = forms.UUIDField()
    site = forms.CharField(max_length=40, required=False)
    device = forms.ChoiceField(choices=[(s.name, s.name) for s in DEVICES.values() if s.needs_consent])
    decision = forms.ChoiceField(choices=DeviceConsent.Decision)
    reason = forms.CharField(max_length=2000, required=False)


class LimitForm(forms.Form):
    """The monthly limits of an institution, or of the platform itself."""

    institution = forms.ModelChoiceField(
        Institution.objects.none(), required=False, label="Institution",
        empty_label="The platform (checks of devices)",
    )  # fmt: skip
    shots_per_month = forms.IntegerField(min_value=0, max_value=10**12, label="Shots a month")
    cost_per_month = forms.DecimalField(
        min_value=Decimal(0), max_digits=12, decimal_places=2, label="Cost a month, USD",
        help_text="Both limits count cloud devices alone.",
    )  # fmt: skip

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ModelChoiceField, self.fields["institution"])
        field.queryset = Institution.objects.all()
        if not orders_for_platform(user):
            own = [house for house in user.institution_ids if user.may_at("quantum.order", house)]
            field.queryset = Institution.objects.filter(id__in=own)
            field.empty_label, field.required = None, True


def evaluable_runs(user: User):
    """Finished runs of a tabular quantum classifier, the newest first."""
    return (
        TrainingRun.objects.for_user(user)
        .filter(state=TrainingRun.State.FINISHED, config__models__primary__kind="vqc_classifier")
        .select_related("federation")
        .prefetch_related("federation__participants__institution")
        .order_by("-created_at")
    )
