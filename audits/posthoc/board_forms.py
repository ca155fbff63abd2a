from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from audits.posthoc.models import BoardFinding
from core.roles import Role
from models_registry.models import Version

_DAY = forms.DateInput(attrs={"type": "date"})


class ConveneForm(forms.Form):
    """Which board meets, for which month, and who sits."""

    board = forms.CharField(max_length=120, label="Board", initial="Independent board")
    month = forms.DateField(label="Month", widget=_DAY, help_text="Any day of it.")
    members = forms.ModelMultipleChoiceField(
        User.objects.none(), label="Members",
        help_text="At least two, of two houses: the platform, an institution, a third party. One is an auditor.",
    )  # fmt: skip
    chair = forms.ModelChoiceField(
        User.objects.none(), required=False, label="Chair", empty_label="The first auditor among the members",
        help_text="One of the members. The chair may sign reports of that time off.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"month": timezone.now().date().isoformat(), "board": "Independent board"})
        super().__init__(*args, **kwargs)
        sitting = people(Role.AUDITOR, Role.ETHICS_OFFICER, Role.EXTERNAL_AUDITOR)
        self.fields["members"].queryset = sitting  # type: ignore[attr-defined]
        self.fields["chair"].queryset = sitting  # type: ignore[attr-defined]


class DeclareForm(forms.Form):
    conflict = forms.CharField(
        max_length=2000, required=False, label="Conflict of interest", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Left empty, you declare that you have none. A declaration never changes.",
    )  # fmt: skip


class FindingForm(forms.Form):
    severity = forms.ChoiceField(choices=BoardFinding.Severity)
    text = forms.CharField(max_length=4000, label="What was found", widget=forms.Textarea(attrs={"rows": 3}))
    owner = forms.ModelChoiceField(User.objects.none(), label="Who answers for it")
    due_on = forms.DateField(label="Deadline", widget=_DAY)
    version = forms.ModelChoiceField(Version.objects.none(), required=False, empty_label="The platform")
    blocking = forms.BooleanField(
        required=False, label="Blocks new deployments of this version",
        help_text="Until an auditor has verified that it is mended.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = people(Role.ADMINISTRATOR, Role.ETHICS_OFFICER, Role.SITE_OPERATOR)
        self.fields["owner"].queryset = owners  # type: ignore[attr-defined]
        self.fields["version"].queryset = Version.objects.select_related("model")  # type: ignore[attr-defined]


class FollowForm(forms.Form):
    state = forms.ChoiceField(choices=BoardFinding.State)
    text = forms.CharField(max_length=2000)


def people(*roles: Role) -> Any:
    held = User.objects.filter(is_active=True, memberships__is_active=True, memberships__role__in=roles)
    return held.distinct().order_by("created_at")
