from __future__ import annotations

from django import forms

from accounts.models import Institution
from federation.joining import MAX_DAYS


class InvitationForm(forms.Form):
    """Whom to let in, under which code and until when."""

    institution = forms.ModelChoiceField(
        Institution.objects.order_by("name"), label="Institution", empty_label="Choose an institution",
        help_text="It answers for the data. One that takes part already gets a new key.",
    )  # fmt: skip
    site = forms.RegexField(
        r"^[a-z0-9][a-z0-9_-]{0,39}$", label="Code of the site",
        error_messages={"invalid": "Use small letters, digits, - and _, at most 40; begin with a letter or a digit."},
        help_text="As in the data set, where that names its sites. It names the site's queue and never changes.",
    )  # fmt: skip
    days = forms.IntegerField(
        min_value=1, max_value=MAX_DAYS, initial=3, label="Days until it ends",
        help_text="The invitation lets in once. Hand it over in person or through an encrypted channel.",
    )  # fmt: skip
    by_operator = forms.BooleanField(
        required=False, label="The site's operator downloads it",
        help_text="Nothing is handed over then: the operator finds the file on the page Certificates, once.",
    )  # fmt: skip
