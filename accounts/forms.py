from __future__ import annotations

from django import forms

from accounts.erasure import Ground

_GROUND = forms.ChoiceField(
    label="Ground", choices=Ground.choices, help_text="Of GDPR Art. 17(1). It is written to the ledger."
)


class ErasePersonForm(forms.Form):
    ground = _GROUND
    confirm = forms.CharField(
        label="The person’s address",
        help_text="Type it to confirm. What is erased cannot be brought back by anybody.",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ErasePatientForm(forms.Form):
    site = forms.SlugField(
        label="Site", help_text="Code of the hospital that asked for the predictions.", max_length=40
    )
    patient = forms.CharField(
        label="Patient number",
        help_text="As the hospital sent it. It is neither stored nor written to the ledger.",
        max_length=200,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    confirm = forms.CharField(
        label="Patient number again",
        help_text="What is erased cannot be brought back by anybody.",
        max_length=200,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    ground = _GROUND
