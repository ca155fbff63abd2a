from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.erasure import Ground, hospitals_for
from accounts.models import Institution, User

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
    institution = forms.ModelChoiceField(
        label="Hospital", queryset=Institution.objects.none(), empty_label=_("Choose a hospital"),
        help_text="Which asked for the predictions. Another hospital’s patient of the same number is another person.",
    )  # fmt: skip
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

    def __init__(self, *given: Any, actor: User, **more: Any) -> None:
        super().__init__(*given, **more)
        self.fields["institution"].queryset = hospitals_for(actor)  # type: ignore[attr-defined]
