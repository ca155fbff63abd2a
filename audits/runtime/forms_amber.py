from __future__ import annotations

from django import forms

from audits.runtime.models import AmberDecision


class AmberForm(forms.Form):
    """An officer's answer to the monitor's warnings."""

    decision = forms.ChoiceField(label="Decision", choices=AmberDecision.Decision, widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Reason",
        min_length=10,
        max_length=2000,
        help_text="What you looked at and why you decide so. It is written to the ledger and is never changed.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    review_on = forms.DateField(
        label="Look at it again on",
        required=False,
        help_text="To continue or to restrict: until when this holds. If it is still amber then, it is asked again.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    most_predictions = forms.IntegerField(
        label="Predictions allowed in all",
        required=False,
        min_value=0,
        help_text="To restrict: counted from the first prediction of this deployment.",
    )
