from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from audits.predeployment.external import attachments
from audits.predeployment.external.layout import Layout
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalFinding


def _titles(policy: dict[str, Any]) -> list[tuple[str, str]]:
    from audits.predeployment.policy_difference import installed

    return [(name, check.title if (check := installed(name)) else name) for name in policy["checks"]]


class InviteForm(forms.Form):
    board = forms.CharField(label="Board", max_length=120, help_text="The biomedical ethics board, by its full name.")
    name = forms.CharField(label="Person", max_length=120, help_text="Who audits for the board.")
    email = forms.EmailField(
        label="Address", max_length=254,
        help_text="Of somebody who has no other role here. A new account is made if there is none.",
    )  # fmt: skip
    last_day = forms.DateField(
        label="Last day", widget=forms.DateInput(attrs={"type": "date"}), help_text="At most 180 days from now."
    )
    checks = forms.MultipleChoiceField(
        label="Checks", widget=forms.CheckboxSelectMultiple, help_text="What the board may run on its own patients."
    )
    purpose = forms.CharField(
        label="Purpose", max_length=5000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why this board audits this version. It becomes part of the record.",
    )  # fmt: skip

    def __init__(self, *args: Any, policy: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["checks"].choices = _titles(policy)  # type: ignore[attr-defined]  # a MultipleChoiceField
        self.fields["checks"].initial = list(policy["checks"])
        self.fields["last_day"].initial = timezone.localdate() + timedelta(days=30)

    def arguments(self) -> dict[str, Any]:
        """Of `external_invite`; the last day counts whole."""
        data = dict(self.cleaned_data)
        end = datetime.combine(data.pop("last_day"), time.max, tzinfo=timezone.get_current_timezone())
        return {**data, "expires_at": end}


class UploadForm(forms.Form):
    site = forms.ChoiceField(
        label="Layout of", help_text="The hospital whose layout and names of files the archive follows."
    )
    file = forms.FileField(label="ZIP archive", help_text="Patients that no hospital here has seen; at most 256 MiB.")

    def __init__(self, *args: Any, layout: Layout, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "upload_%s"  # beside other forms on one page
        self.fields["site"].choices = [(c, f"{c}: {name}") for c, name in layout.sites]  # type: ignore[attr-defined]  # a ChoiceField


class _DataField(forms.ModelChoiceField):
    def label_from_instance(self, obj: ExternalData) -> str:
        return f"{obj.manifest.get('n_patients', '?')} patients, {obj.digest[:12]}"


class RunForm(forms.Form):
    def __init__(self, *args: Any, external: ExternalAudit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = external.data_sets.filter(state=ExternalData.State.READY)
        self.fields["data"] = _DataField(ready, label="Data set", empty_label=None)
        self.fields["checks"] = forms.MultipleChoiceField(
            label="Checks", choices=_titles(external.policy), initial=list(external.policy["checks"]),
            widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip


class FindingForm(forms.Form):
    severity = forms.ChoiceField(label="Severity", choices=ExternalFinding.Severity)
    text = forms.CharField(
        label="What you found", max_length=10_000, widget=forms.Textarea(attrs={"rows": 4}),
        help_text="It becomes part of the record, is shown to those who approve, and is never changed.",
    )  # fmt: skip
    file = forms.FileField(
        label="File", required=False,
        help_text=f"PDF, PNG, JPEG, TXT, CSV or JSON; at most {attachments.MOST_BYTES // 2**20} MiB. No patients.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "finding_%s"


class RevokeForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=5000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It becomes part of the record. What the board found stays; its patients are removed.",
    )  # fmt: skip
