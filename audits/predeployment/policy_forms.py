"""Forms of policies: a row a check, or the same as JSON. In both, `policy.checked` says what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _

from audits.predeployment.checks.base import Check, Parameter
from audits.predeployment.checks.registry import known
from audits.predeployment.models import PolicyDecision
from audits.predeployment.policy import FORMAT, SEED, TIERS, Decides
from audits.predeployment.policy_difference import WORDS, direction_of, installed
from audits.predeployment.policy_pages import range_of

MOST_BYTES = 256 * 1024
MOST_NESTED = 20  # a policy needs four
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OUT = ""
_DECIDES = [(_OUT, "not measured"), *[(value.value, WORDS[value].capitalize()) for value in Decides]]


def _justification() -> forms.CharField:
    return forms.CharField(
        label="Justification", max_length=5000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why the change is right. Those who decide read it; it becomes part of the record.",
    )  # fmt: skip


class PolicyRowsForm(forms.Form):
    """One row a check that is installed here: what it decides, in which tiers, and its settings."""

    justification = _justification()
    base = forms.IntegerField(widget=forms.HiddenInput, required=False)  # the policy that the person began from

    def __init__(self, *args: Any, content: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.checks = [check for check in map(installed, known()) if check is not None]
        for check in self.checks:
            part = content["checks"].get(check.id)
            self._add(check, part or {"decides": _OUT, "tiers": list(TIERS), "settings": {}})

    def _add(self, check: Check, part: Mapping[str, Any]) -> None:
        self.fields[f"{check.id}.decides"] = forms.ChoiceField(
            label=_label(check, "Decides"), choices=_DECIDES, required=False, initial=part["decides"]
        )
        self.fields[f"{check.id}.tiers"] = forms.MultipleChoiceField(
            label=_label(check, "Tiers"), choices=[(tier, tier.capitalize()) for tier in TIERS], required=False,
            initial=part["tiers"], widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip
        for parameter in check.parameters:
            value = part["settings"].get(parameter.name, parameter.default)
            self.fields[f"{check.id}.{parameter.name}"] = _field(check, parameter, value)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The form by check: limits in sight, other settings folded unless one of them is wrong."""
        rows = []
        for check in self.checks:
            limits = [p.name for p in check.parameters if direction_of(check, p)]
            others = [p.name for p in check.parameters if p.name not in limits]
            rows.append(
                {
                    "check": check, "decides": self[f"{check.id}.decides"], "tiers": self[f"{check.id}.tiers"],
                    "limits": [self[f"{check.id}.{name}"] for name in limits],
                    "others": [self[f"{check.id}.{name}"] for name in others],
                    "wrong": any(self[f"{check.id}.{name}"].errors for name in others) if self.is_bound else False,
                }
            )  # fmt: skip
        return rows

    @property
    def content(self) -> dict[str, Any]:
        """As `policy_propose` takes it; a check that nobody chose is left out."""
        data, checks = self.cleaned_data, {}
        for check in self.checks:
            if decides := data[f"{check.id}.decides"]:
                settings = {p.name: data[f"{check.id}.{p.name}"] for p in check.parameters}
                checks[check.id] = {
                    "decides": decides, "tiers": [t for t in TIERS if t in data[f"{check.id}.tiers"]],
                    "settings": settings,
                }  # fmt: skip
        return {"format": FORMAT, "seed": SEED, "checks": checks}


def _nested(text: str) -> int:
    """How deeply brackets are nested at most, those in strings left out.

    Counted before the text is parsed: Python's parser recurses in C, and a library that has raised the recursion limit
    turns a text of brackets into the end of the process.
    """
    deepest = depth = 0
    for bracket in re.findall(r"[\[{\]}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


class PolicyJsonForm(forms.Form):
    """The same as JSON, typed or from a file. What a refused file held stands in the text, so nothing is lost."""

    file = forms.FileField(
        label="JSON file",
        required=False,
        help_text="Takes the place of the text. At most 256 KiB.",
        allow_empty_file=True,
    )
    text = forms.CharField(label="Policy as JSON", required=False, widget=forms.Textarea(attrs={"rows": 14}))
    justification = _justification()
    base = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        text = self._uploaded() if data.get("file") is not None else data.get("text", "")
        if text is None or self.errors.get("text"):
            return data
        if not text.strip():
            self.add_error("text", "Give the policy, as text or as a file.")
            return data
        if _nested(text) > MOST_NESTED:
            self.add_error("text", "This is nested too deeply to be a policy.")
            return data
        try:
            data["content"] = json.loads(text)
        except ValueError as error:
            self.add_error("text", _("This is not JSON: %(error)s.") % {"error": error})
        return data

    def _uploaded(self) -> str | None:
        """The text of the file, put into the text field as well."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            self.add_error(
                "file",
                _("The file has %(size)s bytes; a policy has at most %(most_bytes)s.")
                % {"size": f"{file.size:,}", "most_bytes": f"{MOST_BYTES:,}"},
            )
            return None
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.add_error("file", "The file is no UTF-8 text.")
            return None
        self.data = {**self.data.dict(), "text": text}  # type: ignore[attr-defined]  # a QueryDict
        return text

    @property
    def content(self) -> Any:
        return self.cleaned_data["content"]


class PolicyDecisionForm(forms.Form):
    decision = forms.ChoiceField(label="Decision", choices=PolicyDecision.Decision, widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Reason", max_length=5000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What you looked at and why you decide so. It becomes part of the record and is never changed.",
    )  # fmt: skip


def _label(check: Check, words: str) -> str:
    """Each check is a panel of its own; whoever hears the page hears the check in front of each of its settings."""
    return format_html('<span class="sr-only">{}: </span>{}', check.title, words)


def _field(check: Check, parameter: Parameter, value: Any) -> forms.Field:
    stricter = {"down": " Lower is stricter.", "up": " Higher is stricter."}.get(direction_of(check, parameter), "")
    common: dict[str, Any] = {
        "label": _label(check, parameter.name.replace("_", " ").capitalize()), "initial": value,
        "help_text": f"{parameter.meaning.rstrip('.')}. Allowed: {range_of(parameter)}.{stricter}",
    }  # fmt: skip
    if parameter.choices:
        return forms.ChoiceField(choices=[(choice, choice) for choice in parameter.choices], **common)
    if isinstance(parameter.default, bool):
        return forms.BooleanField(required=False, **common)
    if isinstance(parameter.default, str):
        return forms.CharField(required=False, strip=False, **common)
    common |= {"min_value": parameter.low, "max_value": parameter.high}
    if isinstance(parameter.default, int):
        return forms.IntegerField(**common)
    field = forms.FloatField(**common)
    field.widget.attrs["step"] = "any"
    return field
