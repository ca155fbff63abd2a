from __future__ import annotations

from django import forms

from audits.runtime.services import MAX_REASON, MIN_REASON


class HaltForm(forms.Form):
    reason = forms.CharField(
        label="Why must it stop?",
        help_text="What was observed, where and since when. It is written to the ledger under your name.",
        min_length=MIN_REASON,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReinstatementForm(forms.Form):
    reason = forms.CharField(
        label="Why may it serve again?",
        help_text="What caused the halt, what was done about it, and how you checked. It is written to the ledger.",
        min_length=MIN_REASON,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
