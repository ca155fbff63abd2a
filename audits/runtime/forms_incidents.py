from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from audits.domain.incidents.clocks import clock_book
from audits.runtime import incident_state, incidents
from audits.runtime.models import Incident, LookBackCase, LookBackMark
from core.roles import Role

KNOWN = {"yes": True, "no": False, "": None}
_MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class OfIncident(forms.Form):
    """A form of the incident's page; ids of its own, as the page has several."""

    def __init__(self, data: Any = None, *, incident: Incident) -> None:
        super().__init__(data, auto_id=f"id_{type(self).__name__.lower()}_%s")
        self.incident = incident
        self.prepare()

    def prepare(self) -> None:
        """Choices that depend on the incident."""

    def choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


class AssignForm(OfIncident):
    responsible = forms.ChoiceField(label="Responsible officer")

    def prepare(self) -> None:
        officers = incidents.people_of(self.incident, Role.ETHICS_OFFICER)
        self.choose("responsible", [(str(m.user_id), f"{m.user}, {m.institution}") for m in officers])
        self.fields["responsible"].initial = str(self.incident.responsible_id or "")


class FactsForm(OfIncident):
    aware_at = forms.DateTimeField(
        label="When did your organisation become aware? (UTC)", widget=_MOMENT,
        help_text="All clocks run from this moment. Until it is entered, from the halt.",
    )  # fmt: skip

    def prepare(self) -> None:
        facts = incident_state.facts_of(self.incident)
        self.fields["aware_at"].initial = facts.aware_at
        words = {value: key for key, value in KNOWN.items()}
        for name, question in clock_book().questions.items():
            self.fields[name] = forms.ChoiceField(
                label=question, required=False, choices=[("", "Not known"), ("yes", "Yes"), ("no", "No")],
                initial=words[facts.known[name]],
            )  # fmt: skip

    def known(self) -> dict[str, bool | None]:
        return {name: KNOWN[self.cleaned_data[name]] for name in clock_book().questions}


class ClockForm(OfIncident):
    clock = forms.ChoiceField(label="Clock", choices=[(c.key, f"{c.article}: {c.title}") for c in clock_book().clocks])
    answer = forms.ChoiceField(
        label="What is true of it?",
        choices=[
            (incidents.Answer.DONE, "It was reported; the reference is below"),
            (incidents.Answer.DOES_NOT_APPLY, "It does not apply, for the reason below"),
            (incidents.Answer.APPLIES, "It applies and is not reported yet"),
        ],
    )
    text = forms.CharField(
        label="Reference or reason", max_length=incidents.MAX_TEXT, required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip


class NoteForm(OfIncident):
    kind = forms.ChoiceField(label="What is it?", choices=[(kind.value, kind.label) for kind in incidents.NOTES])
    action = forms.ChoiceField(
        label="Which corrective action?", required=False, choices=[("", "None"), *incidents.Action.choices]
    )
    text = forms.CharField(
        label="In words", help_text="Name no patient. It is written to the ledger, sealed under your key.",
        min_length=incidents.MIN_TEXT, max_length=incidents.MAX_TEXT, widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip


class TaskForm(OfIncident):
    title = forms.CharField(label="What is to be done?", min_length=5, max_length=200)
    owner = forms.ChoiceField(label="By whom?")
    due_on = forms.DateField(label="Until when?", widget=forms.DateInput(attrs={"type": "date"}))

    def prepare(self) -> None:
        people = {
            str(m.user_id): f"{m.user}, {m.institution or 'the platform'}" for m in incidents.people_of(self.incident)
        }
        self.choose("owner", list(people.items()))
        self.fields["due_on"].widget.attrs["min"] = timezone.now().date().isoformat()


class AdvanceForm(OfIncident):
    text = forms.CharField(
        label="What shows that it is so?", min_length=incidents.MIN_TEXT, max_length=incidents.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip


class PeriodForm(OfIncident):
    since = forms.DateTimeField(label="From when on? (UTC)", widget=_MOMENT)
    whole = forms.BooleanField(label="Everyone, not only the group that fared worse", required=False)
    reason = forms.CharField(
        label="Why this period?", min_length=incidents.MIN_TEXT, max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip

    def prepare(self) -> None:
        self.fields["since"].initial = self.incident.look_back.since
        if not self.incident.look_back.attribute:
            del self.fields["whole"]


class MarkForm(OfIncident):
    """`mark` is "reread:confirmed" and so on; `scope` chosen cases or all that wait."""

    mark = forms.ChoiceField(
        label="Mark as",
        choices=[
            *((f"{LookBackMark.What.REREAD}:{value}", label) for value, label in LookBackCase.Reread.choices),
            *((f"{LookBackMark.What.DISCLOSED}:{value}", label) for value, label in LookBackCase.Disclosed.choices),
        ],
    )
    scope = forms.ChoiceField(
        label="Which cases?",
        choices=[("chosen", "Those ticked in the list"), ("all", "All of our site that were not marked so yet")],
    )
    note = forms.CharField(
        label="Note", required=False, max_length=1000, help_text="Name no patient.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip


class FindForm(OfIncident):
    names = forms.CharField(
        label="Your names of cases, one a line", help_text="They are compared with the list and not kept.",
        max_length=220 * 1000, widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip

    def lines(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["names"].splitlines() if line.strip()]
