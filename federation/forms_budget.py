from __future__ import annotations

from django import forms


class BudgetForm(forms.Form):
    """What may be spent of each patient's privacy on the data that the institution holds, over all runs."""

    epsilon = forms.FloatField(
        min_value=0.01, max_value=999, label="Budget ε",
        help_text="Over all runs together, at every federation that uses this data set. 1 is a strong guarantee, 10 a "
        "weak one. What is spent stays spent: a lower budget than that refuses every further run.",
    )  # fmt: skip
    delta = forms.FloatField(
        min_value=1e-12, max_value=0.01, initial=1e-5, label="δ",
        help_text="Probability with which the guarantee may fail; well below one in the number of patients.",
    )  # fmt: skip
    reason = forms.CharField(
        max_length=2000, label="Reason", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Stays in the record with the budget.",
    )  # fmt: skip
