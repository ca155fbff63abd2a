from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.erasure import Ground
from accounts.models import Institution, User
from core.roles import Role
from models_registry.models import Deployment
from protection.domain.duties import duty_book
from protection.domain.texts import note_fields, sections
from protection.models import BreachRecord, SubjectRequest
from protection.register import MOST_TEXT, houses_of
from protection.requests import Kind, State
from protection.retention import schedule

_DAY = {"type": "date"}


def _text(
    label: str, help_text: str = "", *, rows: int = 3, required: bool = True, most: int = 5000
) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=most,
        required=required,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def _moment(label: str, help_text: str, *, required: bool = True) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label, help_text=help_text, required=required,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )  # fmt: skip


class NoteForm(forms.Form):
    """What people complete of a processing activity."""

    revision = forms.IntegerField(widget=forms.HiddenInput, initial=0, min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field, label in note_fields().items():
            self.fields[field] = _text(label, rows=2, required=False, most=MOST_TEXT)

    @property
    def content(self) -> dict[str, str]:
        return {field: self.cleaned_data[field] for field in note_fields()}


class AssessmentForm(forms.Form):
    """The sections that people write. An unfinished one is saved as it is."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for section in sections():
            help_text = _("%(asks)s (%(article)s; at least %(least)s characters). Name nobody.") % {
                "asks": _(section.asks), "article": section.article, "least": section.least,
            }  # fmt: skip
            self.fields[section.key] = _text(section.title, help_text, rows=5, required=False, most=20_000)

    @property
    def texts(self) -> dict[str, str]:
        return {section.key: self.cleaned_data[section.key] for section in sections()}


class SignForm(forms.Form):
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


# --- requests ------------------------------------------------------------------------------------------------------


class RequestForm(forms.Form):
    institution = forms.ModelChoiceField(label="Hospital", queryset=Institution.objects.none())
    kind = forms.ChoiceField(label="What is asked", choices=SubjectRequest.Kind.choices)
    reference = forms.CharField(
        label="Your number of the matter", max_length=60, help_text="No name. It is kept sealed."
    )
    patient = forms.CharField(
        label="Patient number", max_length=200, strip=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="As your systems send it. Kept sealed while the request is open, and never written to the ledger.",
    )  # fmt: skip
    received_on = forms.DateField(label="Received on", widget=forms.DateInput(attrs=_DAY))
    text = _text("Remark", "What is asked, in short. Name nobody.", required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = user.memberships.filter(is_active=True, role=Role.ETHICS_OFFICER)
        own: Any = self.fields["institution"]
        own.queryset = Institution.objects.filter(pk__in=mine.values("institution"))
        own.initial = own.queryset.first()
        self.fields["received_on"].initial = timezone.now().date().isoformat()


STEPS = {
    "confirm": "Confirm the identity", "fulfil": "Record it as fulfilled", "grant": "Grant the erasure",
    "extend": "Extend by two months", "refuse": "Refuse with reasons", "withdraw": "Record that it was withdrawn",
    "lift": "Lift the restriction",
}  # fmt: skip


def steps_for(request: SubjectRequest) -> list[str]:
    """The steps that the request's state and kind allow now."""
    if request.state == State.FULFILLED:
        return ["lift"] if request.kind == Kind.RESTRICTION and request.patient else []
    if not request.is_open:
        return []
    found = ["confirm"] if request.state == State.RECEIVED else []
    if request.state == State.CONFIRMED and request.kind == Kind.ERASURE:
        found.append("grant")
    elif request.state == State.CONFIRMED and request.kind != Kind.OBJECTION:
        found.append("fulfil")
    if not request.extended and not request.overdue:
        found.append("extend")
    return [*found, "refuse", "withdraw"]


class StepForm(forms.Form):
    step = forms.ChoiceField(label="Step")
    text = _text("What was done, and why", "It becomes part of the record, sealed under your key. Name nobody.")

    def __init__(self, *args: Any, request: SubjectRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["step"]
        chosen.choices = [(step, STEPS[step]) for step in steps_for(request)]


class ObjectForm(forms.Form):
    deployment = forms.ModelChoiceField(label="Deployment", queryset=Deployment.objects.none())
    event_key = forms.CharField(
        label="Name of the case", max_length=200, help_text="As your systems sent it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    text = _text("Grounds", "What the person says against the decision. Name nobody.")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["deployment"]
        chosen.queryset = Deployment.objects.filter(id__in=Deployment.objects.for_user(user).values("id"))


class EraseForm(forms.Form):
    ground = forms.ChoiceField(label="Ground", choices=Ground.choices, help_text="Of GDPR Art. 17(1).")
    confirm = forms.CharField(
        label="Patient number", max_length=200, strip=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="The hospital tells it to you. What is erased cannot be brought back by anybody.",
    )  # fmt: skip


class RequestFilter(forms.Form):
    show = forms.ChoiceField(
        label="Show", required=False, choices=[("", "Open"), ("overdue", "Overdue"), ("ended", "Ended"), ("all", "All")]
    )


# --- breaches ------------------------------------------------------------------------------------------------------

_KNOWN = [("", "Not known yet"), ("true", "Yes"), ("false", "No")]


def _known(label: str) -> forms.TypedChoiceField:
    words = {"true": True, "false": False}
    return forms.TypedChoiceField(
        label=label, choices=_KNOWN, required=False, coerce=lambda word: words.get(word), empty_value=None
    )


class FactsForm(forms.Form):
    revision = forms.IntegerField(widget=forms.HiddenInput, initial=0, min_value=0)
    aware_at = _moment("Aware since (UTC)", "The clocks run from here.")
    persons = forms.IntegerField(label="Persons concerned, about", required=False, min_value=0, max_value=10_000_000)
    personal_data = _known("Are personal data concerned (GDPR)?")
    risk = _known("Is there a risk to the persons' rights and freedoms?")
    high_risk = _known("Is that risk high?")
    phi = _known("Is unsecured protected health information concerned (HIPAA)?")
    processor = forms.BooleanField(label="We process the data for a controller", required=False)

    @property
    def facts(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name not in ("revision", "nature", "house")}


class BreachForm(FactsForm):
    house = forms.ChoiceField(label="Whose breach")
    nature = _text("What happened", "What, to which kinds of data, how it was found. Name no patient.", rows=4)
    field_order = ["house", "nature"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._houses = {str(house.pk) if house else "": house for house in houses_of(user)}
        chosen: Any = self.fields["house"]
        chosen.choices = [(key, str(house or "The platform")) for key, house in self._houses.items()]
        chosen.required = "" not in self._houses
        self.initial.setdefault("aware_at", f"{timezone.now():%Y-%m-%dT%H:%M}")

    @property
    def institution(self) -> Institution | None:
        return self._houses[self.cleaned_data["house"]]


class AnswerForm(forms.Form):
    answer = forms.ChoiceField(label="Answer", choices=BreachRecord.Answer.choices)
    duty = forms.ChoiceField(label="Duty", required=False, help_text="Leave empty for a remark.")
    done_at = _moment("Notified at (UTC)", "Of a notification.", required=False)
    text = _text(
        "To whom, under which reference; or why nobody is told",
        "If a notification comes late, say why (Art. 33(1)). It becomes part of the record. Name no patient.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["duty"]
        chosen.choices = [("", "None"), *((d.key, f"{d.article}: {d.title}") for d in duty_book().clocks)]


# --- retention -----------------------------------------------------------------------------------------------------


class RuleForm(forms.Form):
    days = forms.IntegerField(label="Days", min_value=1, max_value=36_525)
    legal_basis = forms.CharField(label="Legal basis", max_length=300)
    reason = _text("Why", "It becomes part of the record.")


class HoldForm(forms.Form):
    record_class = forms.ChoiceField(label="What is kept", required=False)
    ends_on = forms.DateField(label="Until", widget=forms.DateInput(attrs=_DAY))
    reason = _text("Why", "The matter, court or authority. It becomes part of the record.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["record_class"]
        chosen.choices = [("", "Everything"), *((r.key, r.title) for r in schedule() if r.is_carried_out)]


class LiftForm(forms.Form):
    reason = forms.CharField(label="Why it is lifted", max_length=2000)


def local(moment: datetime) -> str:
    """A moment as its field takes it."""
    return f"{moment:%Y-%m-%dT%H:%M}"
