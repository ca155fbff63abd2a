from __future__ import annotations

from typing import Any

from django import forms

from provenance.presentation import OPERATIONS, tables


class EntryFilter(forms.Form):
    """What a list of entries can be narrowed to. Nothing is required; what is wrong is left out."""

    table = forms.ChoiceField(required=False, label="Record")
    operation = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((name, label) for name, label in OPERATIONS.items())]
    )
    object = forms.CharField(required=False, max_length=200, label="Object")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["table"].choices = [("", "Any"), *tables().items()]  # type: ignore[attr-defined]
        self.fields["object"].widget.attrs |= {"placeholder": "Identifier", "autocomplete": "off"}

    def chosen(self) -> dict[str, str]:
        """The model fields to filter by."""
        self.is_valid()
        names = {"table": "table", "operation": "operation", "object": "object_id"}
        return {names[key]: value.strip() for key, value in self.cleaned_data.items() if value.strip()}


class EntryNumber(forms.Form):
    """Straight to one entry."""

    seq = forms.IntegerField(min_value=0, max_value=2**63 - 1, label="Entry number")
