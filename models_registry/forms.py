from __future__ import annotations

from copy import deepcopy
from typing import Any

from django import forms
from django.conf import settings

from accounts.models import User
from models_registry.binding import Gate
from models_registry.card_schema import WRITTEN
from models_registry.cards import MOST_CHARACTERS
from models_registry.delegations import candidates
from models_registry.models import ApprovalDecision
from models_registry.policies import APPEAL_DAYS
from models_registry.scope import OLDEST, REGULATORY

_NUMBERS = ("threshold", "max_predictions", "patients_per_day", "label_delay_days", "appeal_days")


class RequestForm(forms.Form):
    """Ask for the use of a version. Only kinds that the gate allows are offered."""

    kind = forms.ChoiceField(label="Kind of use", widget=forms.RadioSelect)
    justification = forms.CharField(
        label="Justification",
        help_text="Why, where and for whom. Those who decide read it; it becomes part of the record.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    threshold = forms.FloatField(
        label="Largest tolerated gap",
        required=False,
        help_text=f"Empty: {settings.BIAS_THRESHOLD:g}, the platform's. It can be smaller, never larger.",
    )
    max_predictions = forms.IntegerField(
        label="Predictions granted",
        required=False,
        help_text="Empty: until the monitor would have found a gap of 0.15, at most 1,000 in shadow and 100,000 in "
        "clinical use.",
    )
    patients_per_day = forms.FloatField(
        label="Patients a day",
        required=False,
        help_text="Expected. Without it the forecast tells no days.",
    )
    label_delay_days = forms.FloatField(
        label="Days until an outcome is told",
        required=False,
        help_text="Patients who are served meanwhile are counted in the forecast.",
    )
    appeal_days = forms.IntegerField(
        label="Days to decide an appeal", required=False, help_text=f"Empty: {APPEAL_DAYS}.", min_value=1, max_value=90
    )
    sites = forms.CharField(
        label="Sites", required=False, help_text="Codes with commas between them. Empty: every site of the federation."
    )
    youngest = forms.IntegerField(label="Youngest patient", required=False, min_value=0, max_value=OLDEST)
    oldest = forms.IntegerField(
        label="Oldest patient", required=False, min_value=0, max_value=OLDEST,
        help_text="In years, included. With a limit, each request must give the age.",
    )  # fmt: skip
    devices = forms.CharField(
        label="Scanners or devices",
        required=False,
        help_text="One a line, as requests name them. Empty: not limited.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    regulatory = forms.ChoiceField(
        label="Regulatory status",
        required=False,
        choices=[("", "Not stated"), *REGULATORY.items()],
        help_text="With a status, each request must say what it is for, and is refused outside of it.",
    )

    def __init__(self, *args: Any, gates: list[Gate], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(g.kind, g.label) for g in gates if g.allowed]  # type: ignore[attr-defined]

    def request(self) -> dict[str, Any]:
        """The arguments of `approval_request`."""
        data = self.cleaned_data
        policy = {name: data[name] for name in _NUMBERS if data[name] is not None}
        youngest, oldest = data["youngest"], data["oldest"]
        if youngest is not None or oldest is not None:
            policy["age"] = [0 if youngest is None else youngest, OLDEST if oldest is None else oldest]
        for name, mark in (("sites", ","), ("devices", "\n")):
            if found := [part.strip() for part in data[name].split(mark) if part.strip()]:
                policy[name] = found
        if data["regulatory"]:
            policy["regulatory"] = data["regulatory"]
        return {"kind": data["kind"], "justification": data["justification"], "policy": policy}


_PASSWORD = forms.CharField(
    label="Your password, once more",
    help_text="So that nobody decides in your name at an unlocked computer.",
    strip=False,
    widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
)


class DecisionForm(forms.Form):
    """A decision and its reason. Who has a key signs on the next page and gives the password there."""

    decision = forms.ChoiceField(label="Decision", choices=ApprovalDecision.Decision, widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Reason",
        help_text="What you looked at and why you decide so. It becomes part of the record and is never changed.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, signs: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not signs:
            self.fields["password"] = deepcopy(_PASSWORD)


class SignForm(forms.Form):
    """The signature under a statement."""

    decision = forms.ChoiceField(choices=ApprovalDecision.Decision, widget=forms.HiddenInput)
    reason = forms.CharField(widget=forms.HiddenInput)
    statement = forms.CharField(widget=forms.HiddenInput)
    salt = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    signature = forms.CharField(
        label="Signature",
        help_text="What the signing program printed. A security key fills it in by itself.",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    password = _PASSWORD


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=4000,
        help_text="Everybody who sees the request reads it. It decides nothing and is never changed.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class KeyForm(forms.Form):
    """A new ML-DSA-65 key with the proof that it is the person's."""

    public_key = forms.CharField(
        label="Public key", max_length=4000, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="What the signing program showed: python -m models_registry.signer keygen --key my.key",
    )  # fmt: skip
    proof = forms.CharField(
        label="Proof", max_length=8000, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="What the program printed for the text above: signer prove --key my.key text.txt",
    )  # fmt: skip
    password = _PASSWORD


class AbsenceForm(forms.Form):
    """Who decides in an officer's place, and when."""

    deputy = forms.ModelChoiceField(
        User.objects.none(), label="Deputy",
        help_text="A clinician or an auditor of your institution who is neither officer, administrator nor operator.",
    )  # fmt: skip
    starts_at = forms.DateTimeField(
        label="From (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    ends_at = forms.DateTimeField(
        label="Until (UTC)", help_text="60 days at most.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    reason = forms.CharField(label="Reason", max_length=500)

    def __init__(self, *args: Any, officer: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deputy"].queryset = candidates(officer)  # type: ignore[attr-defined]


class DeployForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120, help_text="Where it serves, for example a ward or a service.")


class CardForm(forms.Form):
    """The parts of a card that people write, and the edition that they began from."""

    base = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for element in WRITTEN.values():
            self.fields[element.name] = forms.CharField(
                label=element.title,
                required=False,
                max_length=MOST_CHARACTERS,
                help_text=element.help + ("" if element.required else " The schema does not require it."),
                widget=forms.Textarea(attrs={"rows": 2}),
            )

    def texts(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in WRITTEN}
