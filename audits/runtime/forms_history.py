from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext

RANGES = (("day", "Day"), ("week", "Week"), ("month", "Month"), ("all", "All"))
FIRST_YEAR = 2000


class HistoryForm(forms.Form):
    """What of a deployment's past is shown. Each part may be left out; what cannot be read is said and left out too."""

    range = forms.ChoiceField(choices=RANGES, required=False, widget=forms.HiddenInput)
    site = forms.ChoiceField(required=False)
    metric = forms.ChoiceField(label="Rate", required=False)
    attribute = forms.ChoiceField(label="Compare by", required=False)
    since = forms.DateField(label="From (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(
        self, data: Any, *, sites: list[str], metrics: list[tuple[str, str]], attributes: list[str], now: datetime
    ) -> None:
        super().__init__(data, auto_id="history-%s")
        self.now = now
        choices: dict[str, list[tuple[str, str]]] = {
            "site": [("", "All sites"), *((site, site) for site in sites)],
            "metric": metrics,
            "attribute": [(name, name) for name in attributes],
        }
        for name, options in choices.items():
            field: Any = self.fields[name]
            field.choices = options
            field.error_messages["invalid_choice"] = gettext("Expected one of %(options)s; got %(value)s.") % {
                "options": ", ".join(value for value, _label in options if value) or gettext("none"),
                "value": "%(value)s",
            }
        for name in ("since", "until"):
            self.fields[name].error_messages["invalid"] = gettext("Expected a date such as 2026-03-01.")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        today = timezone.localdate(self.now)
        if since and not date(FIRST_YEAR, 1, 1) <= since <= today:
            self.add_error(
                "since",
                gettext("Expected a day from %(first_year)s up to today, %(today)s; got %(since)s.")
                % {"first_year": FIRST_YEAR, "today": today, "since": since},
            )
        if until and not FIRST_YEAR <= until.year <= today.year:
            self.add_error(
                "until",
                gettext("Expected a day from %(first_year)s to this year; got %(until)s.")
                % {"first_year": FIRST_YEAR, "until": until},
            )
        elif since and until and since > until:
            self.add_error(
                "until", gettext("Expected a day from %(since)s on; got %(until)s.") % {"since": since, "until": until}
            )
        return given

    def days(self) -> tuple[date | None, date | None]:
        """The chosen first and last day; (None, None) if neither was chosen or one cannot be used."""
        if {"since", "until"} & set(self.errors):
            return None, None
        return self.cleaned_data.get("since"), self.cleaned_data.get("until")

    def chosen(self, name: str, otherwise: str) -> str:
        """A choice, or what stands for it where nothing valid was chosen."""
        self.errors  # noqa: B018 - validates
        return self.cleaned_data.get(name) or otherwise


SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
