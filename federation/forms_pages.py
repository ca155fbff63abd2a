from __future__ import annotations

from collections.abc import Sequence

from django import forms

from federation.budget_standings import DEFAULT_DELTA
from federation.feature_studies import EPSILONS

FEW = 6  # features that are chosen beforehand


class FeatureForm(forms.Form):
    """Which features the sites are asked for, and what that may spend."""

    features = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, label="Features",
        error_messages={"required": "Choose at least one feature."},
        help_text="The noise grows with the root of their number, so ask for what matters.",
    )  # fmt: skip
    epsilon = forms.FloatField(
        min_value=EPSILONS[0], max_value=EPSILONS[1], initial=1, label="Privacy spent ε",
        help_text=f"Of each patient at each site, from {EPSILONS[0]:g} to {EPSILONS[1]:g}, at δ {DEFAULT_DELTA:g}. "
        "Smaller is more private and makes more noise.",
    )  # fmt: skip

    def __init__(self, *args, offered: Sequence[str], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["features"].choices = [(name, name) for name in offered]  # type: ignore[attr-defined]
        self.fields["features"].initial = list(offered) if len(offered) <= FEW else []


class ContributionForm(forms.Form):
    """What the scores of the model without each site may spend."""

    epsilon = forms.FloatField(
        min_value=EPSILONS[0], max_value=EPSILONS[1], initial=1, label="Privacy spent ε",
        help_text=f"Of each patient who scores, from {EPSILONS[0]:g} to {EPSILONS[1]:g}, at δ {DEFAULT_DELTA:g}.",
    )  # fmt: skip


class RehearsalForm(forms.Form):
    """The link that the eavesdropper is tried on."""

    loss = forms.FloatField(
        min_value=0, max_value=99, initial=20, label="Photons lost (%)",
        help_text="Share of photons that never arrive: 20 % is about 5 km of fibre at 0.2 dB a km. 0 to 99.",
    )  # fmt: skip
    error = forms.FloatField(
        min_value=0, max_value=20, initial=1.5, label="Bits wrong without anybody listening (%)",
        help_text="Noise of the link itself, 0 to 20. Above some 7 % no key is left even if nobody listens.",
    )  # fmt: skip

    def shares(self) -> dict[str, float]:
        return {name: self.cleaned_data[name] / 100 for name in ("loss", "error")}
