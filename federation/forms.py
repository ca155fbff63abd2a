from __future__ import annotations

import secrets

from django import forms
from django.conf import settings

from federation.domain.learning.defaults import default_config
from federation.models import Consent
from federation.models_sites import RunEngine

RECOMMENDED, NONE = "recommended", "none"


class RunForm(forms.Form):
    """What an administrator chooses of a new run; everything else is the recommended configuration of the task."""

    name = forms.CharField(max_length=120, label="Name", help_text="How people will call this run.")
    rounds = forms.IntegerField(
        min_value=1, max_value=200, initial=5, label="Rounds",
        help_text="In each round every site trains on its own data, and the updates are averaged.",
    )  # fmt: skip
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, label="Seed",
        help_text="Fixes the initial weights and each site's split. The same seed makes the run repeatable.",
    )  # fmt: skip
    privacy = forms.ChoiceField(
        label="Privacy of the patients",
        choices=[
            (RECOMMENDED, "Differential privacy: what the weights can reveal about one patient is bounded"),
            (NONE, "No differential privacy: the loss of privacy is not bounded"),
        ],
        widget=forms.RadioSelect,
        initial=RECOMMENDED,
        help_text="Noise is added at each site, so that the trained weights hardly depend on any single patient. "
        "Sites see this choice before they consent.",
    )
    epsilon_budget = forms.FloatField(
        min_value=0.01, max_value=999, initial=10, label="Privacy budget ε",
        error_messages={"required": "Differential privacy needs a budget over 0; 10 is the recommended one."},
        help_text="The run stops when a site has spent this much. Smaller is more private; 10 is a weak guarantee, "
        "1 a strong one. Only used with differential privacy.",
    )  # fmt: skip

    engine = forms.ChoiceField(
        label="Engine", choices=RunEngine.Engine, initial=RunEngine.Engine.LOCAL, required=False,
        help_text="What carries the orders to the sites. FLARE needs its server and a client at each of them; the "
        "result is the same.",
    )  # fmt: skip

    def __init__(self, *args, task: str, side: int | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.recommended = default_config(task, side)  # type: ignore[arg-type]
        if not settings.FLARE:
            del self.fields["engine"]
        self.fields["seed"].initial = secrets.randbelow(10_000)
        if self.recommended.dp is None:
            del self.fields["privacy"], self.fields["epsilon_budget"]
        elif self.data.get("privacy") == NONE:
            self.fields["epsilon_budget"].required = False

    def proposal(self) -> dict:
        """Arguments for `services.run_propose`."""
        chosen = self.cleaned_data
        arguments = {"name": chosen["name"], "rounds": chosen["rounds"], "seed": chosen["seed"]}
        arguments["engine"] = chosen.get("engine") or RunEngine.Engine.LOCAL
        if chosen.get("privacy") == NONE:
            without = {**self.recommended.as_dict(), "dp": None}
            return {**arguments, "local": without, "epsilon_budget": None}
        if chosen.get("privacy") == RECOMMENDED:
            return {**arguments, "epsilon_budget": chosen["epsilon_budget"]}
        return arguments


class ConsentForm(forms.Form):
    """A site's answer. A refusal or withdrawal stops the run for all sites, so it must say why."""

    decision = forms.ChoiceField(choices=Consent.Decision, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=2000, required=False, label="Reason", widget=forms.Textarea(attrs={"rows": 4}))

    def clean(self) -> dict:
        cleaned = super().clean() or {}
        if (
            cleaned.get("decision") in {Consent.Decision.REFUSED, Consent.Decision.WITHDRAWN}
            and not (cleaned.get("reason") or "").strip()
        ):
            self.add_error("reason", "Say why: the answer stops the run for all sites and stays in the record.")
        return cleaned
