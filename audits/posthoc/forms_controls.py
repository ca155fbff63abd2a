from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.posthoc.mapping import frameworks
from audits.posthoc.models import Risk
from audits.posthoc.risks import REVIEW_IN
from audits.predeployment.checks.registry import check_of, known
from audits.predeployment.external.attachments import MOST_BYTES
from core.roles import MATRIX
from models_registry.models import Version

MOST_TEXT = 5000


class EvidenceForm(forms.Form):
    file = forms.FileField(
        label="File", help_text=f"PDF, PNG, JPEG, TXT, CSV or JSON; at most {MOST_BYTES // 2**20} MiB. No patients."
    )
    note = forms.CharField(
        label="What it shows", max_length=MOST_TEXT, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It becomes part of the record, with your name.",
    )  # fmt: skip
    valid_until = forms.DateField(
        label="Valid until", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="After this day it counts as partly there until a new file comes. At most three years.",
    )  # fmt: skip


class ControlFilter(forms.Form):
    STATES = [("", "All"), ("there", "Evidence there"), ("partly", "Partly there"), ("none", "No evidence"),
              ("not_assessable", "Not assessable")]  # fmt: skip
    status = forms.ChoiceField(label="Evidence", choices=STATES, required=False)


class RiskFilter(forms.Form):
    state = forms.ChoiceField(label="State", choices=[("", "All"), *Risk.State.choices], required=False)
    due = forms.ChoiceField(
        label="Review", choices=[("", "Any time"), ("overdue", "Overdue")], required=False
    )  # fmt: skip


class RiskForm(forms.ModelForm):
    """A risk; `revision` says which one the person began from."""

    controls = forms.MultipleChoiceField(
        label="Controls", required=False, widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text="What the measures answer to. Hold Ctrl or ⌘ to choose several.",
    )  # fmt: skip
    checks = forms.MultipleChoiceField(
        label="Checks", required=False, widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text="Checks of an audit that show whether the measures work.",
    )  # fmt: skip
    revision = forms.IntegerField(widget=forms.HiddenInput, initial=0, min_value=0)

    class Meta:
        model = Risk
        fields = [
            "version", "hazard", "situation", "harm", "severity_before", "probability_before", "measures",
            "severity_after", "probability_after", "controls", "checks", "state", "rationale", "owner", "review_on",
        ]  # fmt: skip
        labels = {
            "version": "Model version", "situation": "Hazardous situation", "severity_before": "Severity before",
            "probability_before": "Probability before", "severity_after": "Severity after",
            "probability_after": "Probability after", "rationale": "Why what remains is acceptable",
            "review_on": "Next review",
        }  # fmt: skip
        help_texts = {
            "version": "Leave empty for a risk of the platform as a whole.",
            "hazard": "What could do harm. Name no patient.",
            "situation": "How people come to be exposed to it.",
            "harm": "What may happen to them.",
            "measures": "What lowers the risk: by design first, then by protection, then by information.",
        }
        widgets = {"review_on": forms.DateInput(attrs={"type": "date"})}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found: dict[str, Any] = dict(self.fields)
        found["version"].queryset = Version.objects.for_user(user).select_related("model")
        found["version"].empty_label = "The platform as a whole"
        owners = User.objects.filter(is_active=True, memberships__is_active=True)
        found["owner"].queryset = owners.filter(memberships__role__in=MATRIX["control.view"]).distinct()
        for name in ("hazard", "situation", "harm", "measures", "rationale"):
            found[name].widget = forms.Textarea(attrs={"rows": 2})
            found[name].max_length = MOST_TEXT
        found["controls"].choices = [
            (one.title, [(f"{one.key}:{c.id}", f"{c.reference} {c.title}") for c in one.controls])
            for one in frameworks()[0]
        ]
        found["checks"].choices = [(name, check_of(name).title) for name in known()]
        if self.instance._state.adding:
            self.initial.setdefault("review_on", (timezone.now().date() + REVIEW_IN).isoformat())
            self.initial.setdefault("owner", user.pk)
        self.initial["revision"] = 0 if self.instance._state.adding else self.instance.revision

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("hazard", "situation", "harm", "measures", "rationale"):
            if len(cleaned.get(name) or "") > MOST_TEXT:
                self.add_error(
                    name,
                    _("Expected at most %(most_text)s characters; got %(n)s.")
                    % {"most_text": f"{MOST_TEXT:,}", "n": f"{len(cleaned[name]):,}"},
                )
        review = cleaned.get("review_on")
        if isinstance(review, dt.date) and review.year > timezone.now().year + 5:
            self.add_error("review_on", "Expected a day within five years.")
        return cleaned

    def _post_clean(self) -> None:
        """The service judges and writes; the row that the page shows stays as it is."""
