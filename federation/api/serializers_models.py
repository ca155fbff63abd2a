"""What people choose of the models of a run. Serializers never write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from federation.domain.models.choice import COMPARED
from federation.domain.quantum.circuits import ANGLES, EMBEDDINGS, MAX_LAYERS, MAX_QUBITS
from federation.domain.quantum.spec import MIN_QUBITS, STARTS


class ModelInput(serializers.Serializer):
    """The quantum model of a run and what it is compared with; what is left out is as recommended for the task."""

    compared = serializers.ChoiceField(
        choices=COMPARED, required=False,
        help_text="twin: a classical model of nearly as many parameters. no_entanglement: the same model without its "
        "entangling gates. logistic: a logistic regression, of rows of a table alone.",
    )  # fmt: skip
    qubits = serializers.IntegerField(required=False, min_value=MIN_QUBITS, max_value=MAX_QUBITS)
    layers = serializers.IntegerField(required=False, min_value=1, max_value=MAX_LAYERS)
    entangling = serializers.BooleanField(required=False, help_text="Left out: with entangling gates.")
    ansatz = serializers.ChoiceField(
        choices=list(ANGLES), required=False, help_text="Left out: strong (strongly entangling layers)."
    )
    embedding = serializers.ChoiceField(
        choices=EMBEDDINGS, required=False,
        help_text="Left out: RX. amplitude: not for models with a circuit at each position, up to 6 qubits.",
    )  # fmt: skip
    reupload = serializers.BooleanField(
        required=False, help_text="Load the inputs again before each layer; left out: yes, but for amplitudes."
    )
    start = serializers.ChoiceField(
        choices=STARTS, required=False,
        help_text="small angles, or for mirrored layers identity, which is their usual start.",
    )  # fmt: skip
    noise = serializers.JSONField(
        required=False, allow_null=True,
        help_text='Of the device that it is trained for: {"preset": "mild"} (or decaying, strong), or rates as in an '
        "order of a device. Left out: trained without noise. For rows of a table alone, up to 6 qubits.",
    )  # fmt: skip

    def to_internal_value(self, data: Any) -> Any:
        """No key is left unread: what was meant to be chosen would be missed without a word."""
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            said = f"Expected some of {', '.join(self.fields)}, got this."
            raise serializers.ValidationError({name: [said] for name in unknown})
        return super().to_internal_value(data)
