"""Forms about one prediction: find it, say what was done with it, contest it, decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from audits.runtime.models import Appeal, Review
from audits.runtime.models_appeals import today
from audits.runtime.querysets import AppealQuerySet
from audits.runtime.records import MAX_TEXT
from audits.runtime.reviews import MAX_NOTE
from audits.runtime.services import MAX_REASON, MIN_REASON
from models_registry.models import Deployment


def _reason(label: str, help_text: str, rows: int = 3) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, min_length=MIN_REASON, max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": rows}),
    )  # fmt: skip


class FindForm(forms.Form):
    """By the name that the site gave the case. It goes in the body, as addresses are logged."""

    deployment = forms.ModelChoiceField(Deployment.objects.none(), empty_label=None)
    event_key = forms.CharField(
        label="Name of the case", max_length=MAX_TEXT, help_text="As your clinical system named it (event_key)."
    )

    def __init__(self, *args: Any, deployments: QuerySet[Deployment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deployment"].queryset = deployments  # type: ignore[attr-defined]


class ReviewForm(forms.Form):
    decision = forms.ChoiceField(label="What was done?", choices=Review.Decision, widget=forms.RadioSelect)
    why = forms.ChoiceField(label="Why?", choices=[("", "Not stated"), *Review.Why.choices], required=False)
    note = forms.CharField(
        label="Note", required=False, max_length=MAX_NOTE, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Sealed under your name. Name no patient.",
    )  # fmt: skip


class ContestForm(forms.Form):
    event_key = forms.CharField(
        label="Name of the case",
        max_length=MAX_TEXT,
        help_text="As your clinical system named it. It is kept sealed until the patient is erased, so that whoever "
        "decides can find the patient.",
    )
    contested_by = forms.ChoiceField(label="Who contests it?", choices=Appeal.Contester)
    grounds = _reason("Grounds", "What is wrong with the answer, and what it led to. Name no patient.", rows=4)


class DecideForm(forms.Form):
    """`label` is offered for classification alone: a corrected mask comes through the API."""

    outcome = forms.ChoiceField(
        label="Decision", widget=forms.RadioSelect,
        choices=[choice for choice in Appeal.Outcome.choices if choice[0] != Appeal.Outcome.WITHDRAWN],
    )  # fmt: skip
    label = forms.ChoiceField(
        label="What turned out to be true?", required=False,
        choices=[("", "Not known"), ("1", "Ill"), ("0", "Not ill")],
        help_text="If it is known, it is told to the monitor as the outcome of this case.",
    )  # fmt: skip
    reason = _reason("Reasons", "What you looked at and why you decide so. Name no patient.", rows=4)

    def __init__(self, *args: Any, task: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if task != "classification":
            del self.fields["label"]

    @property
    def decision(self) -> dict[str, Any]:
        """The arguments of `appeal_decide`."""
        label = self.cleaned_data.get("label")
        return {
            "outcome": self.cleaned_data["outcome"],
            "reason": self.cleaned_data["reason"],
            "label": int(label) if label else None,
        }


class WithdrawForm(forms.Form):
    reason = _reason("Why is it withdrawn?", "It stays on record with the appeal.", rows=2)


class AppealFilterForm(forms.Form):
    """Which appeals to list."""

    OVERDUE = "overdue"
    state = forms.ChoiceField(
        required=False, choices=[("", "All appeals"), (OVERDUE, "Overdue"), *Appeal.State.choices]
    )  # fmt: skip

    def apply(self, appeals: AppealQuerySet) -> AppealQuerySet:
        """Narrow a query set; an unknown state narrows nothing."""
        state = self.cleaned_data.get("state") if self.is_valid() else ""
        if not state:
            return appeals
        if state == self.OVERDUE:
            return appeals.overdue(today())
        return appeals.filter(state=state)
