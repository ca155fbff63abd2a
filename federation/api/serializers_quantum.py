"""Input and output of the API of quantum devices. Serializers never write."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from federation.domain.quantum import noise_choice
from federation.domain.quantum.devices import DEVICES
from federation.domain.quantum.noise import NoiseModel
from federation.models import DeviceConsent, ProviderTask, QuantumJob

NAMES = list(DEVICES)


class DeviceOutput(serializers.Serializer):
    """`missing_*` are of the platform's own workers, names alone. Checks are null where nothing was measured."""

    name = serializers.CharField(source="spec.name")
    title = serializers.CharField(source="spec.offered")
    needs_consent = serializers.BooleanField(source="spec.needs_consent")
    takes_noise = serializers.BooleanField(source="spec.noise")
    max_qubits = serializers.IntegerField(source="spec.max_qubits")
    max_shots = serializers.IntegerField(source="spec.max_shots")
    missing_modules = serializers.ListField(child=serializers.CharField())
    missing_variables = serializers.ListField(child=serializers.CharField())
    readout = serializers.JSONField(source="readout.job.result", default=None, allow_null=True)
    readout_at = serializers.DateTimeField(source="readout.at", default=None, allow_null=True)
    quantum_volume = serializers.JSONField(source="volume.job.result", default=None, allow_null=True)
    quantum_volume_at = serializers.DateTimeField(source="volume.at", default=None, allow_null=True)


class QuantumOrderInput(serializers.Serializer):
    """An evaluation names `run`, `site` and `patients`; a check names `qubits`.

    `noise` is for simulators that can run under a noise model: `{"preset": "mild"}` (or decaying, strong), or rates,
    such as `{"name": "mine", "two_qubit": {"depolarising": 0.01}, "readout": {"one_if_zero": 0.02}}`. `one_qubit` and
    `two_qubit` have depolarising, amplitude_damping and dephasing, `readout` one_if_zero and zero_if_one. `mitigate`
    inverts the readout error of an evaluation.
    """

    purpose = serializers.ChoiceField(choices=QuantumJob.Purpose.values)
    device = serializers.ChoiceField(choices=NAMES)
    shots = serializers.IntegerField(min_value=1, max_value=10_000_000)
    run = serializers.UUIDField(required=False)
    site = serializers.SlugField(required=False)
    patients = serializers.IntegerField(min_value=10, max_value=10_000, required=False)
    qubits = serializers.IntegerField(min_value=1, max_value=127, required=False)
    min_quantum_volume = serializers.IntegerField(min_value=2, max_value=2**31 - 1, required=False, allow_null=True)
    cost_limit = serializers.DecimalField(max_digits=12, decimal_places=4, min_value=0, required=False, allow_null=True)
    price_per_shot = serializers.DecimalField(
        max_digits=12, decimal_places=6, min_value=0, required=False, allow_null=True
    )
    price_per_second = serializers.DecimalField(
        max_digits=12, decimal_places=6, min_value=0, required=False, allow_null=True,
        help_text="Of the processor, where the provider bills its time; only with seconds_per_shot.",
    )  # fmt: skip
    seconds_per_shot = serializers.DecimalField(
        max_digits=12, decimal_places=9, min_value=0, required=False, allow_null=True,
        help_text="Of one circuit, with the wait between shots. The estimate is then a lower bound of the cost.",
    )  # fmt: skip

    noise = serializers.JSONField(required=False, allow_null=True, default=None)
    mitigate = serializers.BooleanField(required=False, default=False)

    def validate_noise(self, value: Any) -> NoiseModel | None:
        try:
            return None if value is None else noise_choice.read(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def validate(self, attrs: dict) -> dict:
        evaluation = attrs["purpose"] == QuantumJob.Purpose.EVALUATION
        needed = ("run", "site", "patients") if evaluation else ("qubits",)
        if missing := [name for name in needed if attrs.get(name) is None]:
            raise serializers.ValidationError({name: ["This purpose needs it."] for name in missing})
        if attrs["purpose"] == QuantumJob.Purpose.VOLUME and not 2 <= attrs["qubits"] <= 6:
            raise serializers.ValidationError({"qubits": ["Expected 2 to 6 qubits for quantum volume."]})
        return attrs


class QuantumEstimateOutput(serializers.Serializer):
    """What an order would take; `refusal` is empty if it would be accepted."""

    circuits = serializers.IntegerField(source="estimate.circuits", default=None, allow_null=True)
    shots = serializers.IntegerField(source="estimate.shots", default=None, allow_null=True)
    cost = serializers.FloatField(source="estimate.cost", default=None, allow_null=True)
    currency = serializers.CharField(source="estimate.currency", default="")
    basis = serializers.CharField(source="estimate.basis", default="")
    warnings = serializers.ListField(source="estimate.warnings", child=serializers.CharField(), default=list)
    refusal = serializers.CharField(allow_blank=True)


class ProviderTaskOutput(serializers.ModelSerializer):
    """A task at the provider, which may have it while `sending` and has not if `not_taken`."""

    class Meta:
        model = ProviderTask
        fields = ["number", "provider_id", "circuits", "state", "handed_in_at", "ended_at"]


class QuantumJobOutput(serializers.ModelSerializer):
    run = serializers.UUIDField(source="run_id", allow_null=True)
    site = serializers.CharField(source="participant.site", default=None, allow_null=True)
    retry_of = serializers.UUIDField(source="retry_of_id", allow_null=True)
    provider_tasks = serializers.ListField(child=serializers.CharField())
    tasks = ProviderTaskOutput(many=True)

    class Meta:
        model = QuantumJob
        fields = [
            "id", "created_at", "device", "purpose", "run", "site", "qubits", "circuits", "shots", "estimate", "cost",
            "cost_limit", "min_quantum_volume", "noise", "mitigation", "state", "machine", "provider_tasks", "tasks",
            "note", "submitted_at", "finished_at", "result", "result_digest", "error", "retry_of",
        ]  # fmt: skip


class QuantumJobFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=QuantumJob.State.values, required=False)
    device = serializers.ChoiceField(choices=NAMES, required=False)
    purpose = serializers.ChoiceField(choices=QuantumJob.Purpose.values, required=False)


class DeviceConsentFilter(serializers.Serializer):
    run = serializers.UUIDField(required=False)
    device = serializers.ChoiceField(choices=NAMES, required=False)
    decision = serializers.ChoiceField(choices=DeviceConsent.Decision.choices, required=False)


class DeviceConsentInput(serializers.Serializer):
    run = serializers.UUIDField()
    site = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        default="",
        help_text="Whose answer it is, if you belong to several sites.",
    )
    device = serializers.ChoiceField(choices=[spec.name for spec in DEVICES.values() if spec.needs_consent])
    decision = serializers.ChoiceField(choices=DeviceConsent.Decision.choices)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class DeviceConsentOutput(serializers.ModelSerializer):
    run = serializers.UUIDField(source="run_id")
    site = serializers.CharField(source="participant.site")

    class Meta:
        model = DeviceConsent
        fields = ["id", "created_at", "run", "site", "device", "config_hash", "decision", "reason"]
