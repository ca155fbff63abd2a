from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.keys import IN_WORDS, LONGEST_DAYS, MACHINE_ACTIONS
from accounts.models import Institution
from accounts.reauthentication import WrongPassword, reauthenticate


class OwnPasswordForm(PasswordChangeForm):
    """Guesses at the old password count towards the lock-out, as at the sign-in."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        given = self.cleaned_data["old_password"]
        try:
            reauthenticate(self.request, self.user, given)
        except WrongPassword as error:
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect") from error
        return given


class ResetForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        help_text="What happened to the device, and how you made sure that it is this person who asks.",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class KeyForm(forms.Form):
    name = forms.CharField(label="Name", help_text="Which machine will hold it.", max_length=80)
    institution = forms.ModelChoiceField(label="Institution", queryset=Institution.objects.none(), empty_label="Choose")
    actions = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(action, f"{IN_WORDS[action]} ({action})".capitalize()) for action in MACHINE_ACTIONS],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label="Days until it expires", min_value=1, max_value=LONGEST_DAYS, initial=90,
        help_text=f"At most {LONGEST_DAYS}.",
    )  # fmt: skip

    def __init__(self, *args: Any, institutions: QuerySet[Institution], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]  # of a ModelChoiceField
