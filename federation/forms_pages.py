from __future__ import annotations

from django import forms


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
