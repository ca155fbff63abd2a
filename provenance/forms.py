from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_noop

from provenance.exploring import PROTECTED, Criteria
from provenance.presentation import OPERATIONS, tables

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?)?(?:\s*(?:Z|UTC))?")
_SHAPE = gettext_noop("Expected a time in UTC such as 2026-03-01 or 2026-03-01 14:30.")


class MomentField(forms.CharField):
    """A time in UTC as precise as it is written; `ends` takes the last moment of that day, minute or second."""

    def __init__(self, *, ends: bool = False, **kwargs: Any) -> None:
        self.ends = ends
        super().__init__(max_length=40, required=False, **kwargs)
        self.widget.attrs |= {"placeholder": "2026-03-01 14:30", "autocomplete": "off"}

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        match = _MOMENT.fullmatch(text)
        try:
            if match is None:
                raise ValueError(text)
            day, minute, second = match.groups()
            start = datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ''}").replace(tzinfo=UTC)
            width = timedelta(seconds=1) if second else timedelta(minutes=1) if minute else timedelta(days=1)
            return start + width - timedelta(microseconds=1) if self.ends else start
        except (ValueError, OverflowError):
            raise forms.ValidationError(_SHAPE) from None


class EntryFilter(forms.Form):
    """What a list of entries can be narrowed to. Nothing is required."""

    q = forms.CharField(required=False, max_length=200, label="Search the ledger")
    table = forms.ChoiceField(required=False, label="Record")
    operation = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((name, label) for name, label in OPERATIONS.items())]
    )
    since = MomentField(label="From (UTC)")
    until = MomentField(label="To (UTC), inclusive", ends=True)
    object = forms.CharField(required=False, max_length=200, label="Object")
    actor = forms.CharField(required=False, max_length=60, label="Actor")
    action = forms.CharField(required=False, max_length=120, label="Action")
    request = forms.CharField(required=False, max_length=64, label="Request id")

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["table"].choices = [("", "Any"), *tables().items()]  # type: ignore[attr-defined]  # a ChoiceField
        hints = {
            "q": "Entry number, identifier, psn:…, request id", "object": "Identifier",
            "actor": "psn:…, identifier, platform, nobody", "action": "approval.decide", "request": "",
        }  # fmt: skip
        for name, hint in hints.items():
            self.fields[name].widget.attrs |= {"placeholder": hint, "autocomplete": "off", "spellcheck": "false"}
        if not user.sees_all:
            for name in PROTECTED:
                del self.fields[name]

    @property
    def narrowing(self) -> list[forms.BoundField]:
        """All but the search box."""
        return [self[name] for name in self.fields if name != "q"]

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in self.fields if name != "q")

    def criteria(self) -> Criteria:
        """What was asked for; the form must be valid."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "q" and value}
        return Criteria(**given)
