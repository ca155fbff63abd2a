from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Institution
from audits.posthoc.calendar import kind_check
from audits.posthoc.models import Report, ReportQuerySet
from audits.posthoc.services import FIRST_DAY, default_period, period_check


class PeriodForm(forms.Form):
    """Kind, period (both days included) and edition of a report."""

    kind = forms.ChoiceField(choices=Report.Kind, initial=Report.Kind.CUSTOM, required=False, label="Kind")
    institution = forms.ModelChoiceField(
        Institution.objects.none(), required=False, label="Edition of", empty_label="The whole platform"
    )
    period_start = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    period_end = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, viewer: Any, **kwargs: Any) -> None:
        today = timezone.now().date()
        start, end = default_period(today)
        kwargs.setdefault("initial", {"period_start": start.isoformat(), "period_end": end.isoformat()})
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = institutions_of(viewer)  # type: ignore[attr-defined]
        self.fields["kind"].help_text = "Biannual: a half-year. Monthly: a calendar month. Else choose your days."
        self.fields["period_end"].help_text = "UTC. With today, the report counts what is on record when it is made."
        self.fields["period_end"].widget.attrs["max"] = today.isoformat()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("period_start"), cleaned.get("period_end")
        today = timezone.now().date()
        if start and end and (problem := period_check(start, end, today=today)):
            too_early = start < FIRST_DAY and start <= end <= today
            self.add_error("period_start" if too_early else "period_end", problem)
        cleaned["kind"] = cleaned.get("kind") or Report.Kind.CUSTOM
        if start and end and (problem := kind_check(cleaned["kind"], start, end)):
            self.add_error("kind", problem)
        return cleaned


class ReportFilter(forms.Form):
    """Which reports the list shows; it lives in the address."""

    of_kind = forms.ChoiceField(choices=[("", "Every kind"), *Report.Kind.choices], required=False, label="Kind")
    state = forms.ChoiceField(choices=[("", "Any state"), *Report.State.choices], required=False, label="State")
    of = forms.ModelChoiceField(
        Institution.objects.none(), required=False, label="Edition of", empty_label="Every edition"
    )

    def __init__(self, *args: Any, viewer: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["of"].queryset = institutions_of(viewer)  # type: ignore[attr-defined]

    def narrowed(self, reports: ReportQuerySet) -> ReportQuerySet:
        """A value that means nothing narrows nothing; the form says what is wrong with it."""
        self.is_valid()
        chosen = {"kind": "of_kind", "state": "state", "institution": "of"}
        return reports.filter(**{k: self.cleaned_data[v] for k, v in chosen.items() if self.cleaned_data.get(v)})


def institutions_of(viewer: Any) -> QuerySet[Institution]:
    """Whose editions this person may ask for and see."""
    active = Institution.objects.filter(is_active=True).order_by("name")
    return active if viewer.sees_all else active.filter(id__in=viewer.institution_ids)
