"""Forms of what a person chooses for themselves."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.inbox import Way, kinds_of, way_of
from accounts.models import Preferences, User


@cache
def zones() -> tuple[str, ...]:
    """The names of time zones that this machine knows, UTC first."""
    named = {
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV"))
    }
    return ("UTC", *sorted(named))


class PreferencesForm(forms.Form):
    """Language, time zone, shortcuts, the digest, and a field for each kind of message that can reach the person."""

    language = forms.ChoiceField(
        label=_("Language"), required=False,
        help_text=_("Pages speak it. Charts, the monitor's sentences, documents and e-mails are English."),
    )  # fmt: skip
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("Of the times on pages; each names its zone. Documents, forms and e-mails say UTC."),
    )
    shortcuts = forms.BooleanField(
        label=_("Single keys are shortcuts"), required=False, help_text=_(
            "/ searches, ? lists them all. Turn them off if you dictate, or press keys by accident."
        ),
    )  # fmt: skip
    digest = forms.ChoiceField(
        label=_("Digest by e-mail"), choices=Preferences.Digest, help_text=_(
            "In the morning of your time zone, if there is something unread."
        ),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, user: User, preferences: Preferences) -> None:
        initial = {name: getattr(preferences, name) for name in ("language", "time_zone", "shortcuts", "digest")}
        super().__init__(data, initial=initial)
        self.fields["language"].choices = [("", _("As the browser asks")), *settings.LANGUAGES]  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = [(name, name.replace("_", " ")) for name in zones()]  # type: ignore[attr-defined]
        self.kinds = kinds_of(user)
        for kind in self.kinds:
            self.fields[f"way_{kind.key}"] = forms.ChoiceField(
                label=_(kind.label), choices=Way, initial=way_of(preferences, kind), required=not kind.fixed,
                disabled=bool(kind.fixed),
                help_text=" ".join(str(_(words)) for words in (kind.what, kind.fixed) if words),
            )  # fmt: skip

    def chosen(self) -> dict[str, Any]:
        """The fields of `Preferences`; ways that are the kind's own are not stored, so that a new default holds."""
        data = self.cleaned_data
        ways = {kind.key: data[f"way_{kind.key}"] for kind in self.kinds if not kind.fixed}
        return {
            **{name: data[name] for name in ("language", "time_zone", "shortcuts", "digest")},
            "ways": {key: way for key, way in ways.items() if way != way_of(None, next(
                kind for kind in self.kinds if kind.key == key))},
        }  # fmt: skip


class SavedViewForm(forms.Form):
    """A name for the address that the person looks at. Where it leads is checked: a list of ours, and nowhere else."""

    name = forms.CharField(label="Name", max_length=60)
    path = forms.CharField(max_length=200, widget=forms.HiddenInput)
    query = forms.CharField(max_length=1000, required=False, widget=forms.HiddenInput)
    share = forms.BooleanField(label="Share within my institution", required=False)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())
