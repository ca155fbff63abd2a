from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from audits.posthoc.services import default_period, period_check


class PeriodForm(forms.Form):
    """The period of a report, both days included."""

    period_start = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    period_end = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        today = timezone.now().date()
        start, end = default_period(today)
        kwargs.setdefault("initial", {"period_start": start.isoformat(), "period_end": end.isoformat()})
        super().__init__(*args, **kwargs)
        self.fields["period_end"].help_text = "UTC. With today, the report counts what is on record when it is made."
        self.fields["period_end"].widget.attrs["max"] = today.isoformat()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("period_start"), cleaned.get("period_end")
        if start and end and (problem := period_check(start, end, today=timezone.now().date())):
            self.add_error("period_start" if "first day" in problem else "period_end", problem)
        return cleaned
