from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audits.runtime import reinstating
from audits.runtime.models import Halt
from audits.runtime.services import MAX_REASON, MIN_REASON
from core.errors import ApplicationError


class HaltForm(forms.Form):
    site = forms.ChoiceField(label=_("Where?"), required=False, choices=[("", _("Everywhere"))])
    reason = forms.CharField(
        label=_("Why must it stop?"),
        help_text=_("What was observed, where and since when. It is written to the ledger under your name."),
        min_length=MIN_REASON,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, sites: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            ("", _("Everywhere")),
            *((site, gettext("Only at %(site)s") % {"site": site}) for site in sites or []),
        ]
        self.fields["site"].choices = choices  # type: ignore[attr-defined]


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label=_("Why is the vote withdrawn?"),
        help_text=_("For instance that it names the wrong evidence. It is written to the ledger."),
        min_length=MIN_REASON,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ReinstatementForm(forms.Form):
    """The first vote names the evidence; the next ones vote on that, by the digest that their page showed."""

    halt = forms.UUIDField(widget=forms.HiddenInput, required=False)
    digest = forms.CharField(widget=forms.HiddenInput, required=False)
    audit = forms.ChoiceField(
        label=_("New evidence: an audit since the halt"),
        required=False,
        choices=[("", _("No audit; a document below"))],
    )
    document = forms.FileField(
        label=_("Or: A document"),
        help_text=_("A report of what was found and checked. Its SHA-256 digest is stored with your vote."),
        required=False,
    )
    reason = forms.CharField(
        label=_("Why may it serve again?"),
        help_text=_("What caused the halt, what was done about it, and how you checked. It is written to the ledger."),
        min_length=MIN_REASON,
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, data: Any = None, files: Any = None, *, of: Halt, **kwargs: Any) -> None:
        super().__init__(data, files, **kwargs)
        self.of, before = of, reinstating.evidence_of_votes(of)
        self.fields["halt"].initial = of.id
        if before is not None:
            self.fields["digest"].initial = before.digest
            del self.fields["audit"], self.fields["document"]
            return
        audits = [
            (e.source_id, f"{e.created_at:%d %b %Y, %H:%M} UTC: {e.verdict}") for e in reinstating.audits_since(of)
        ]
        self.fields["audit"].choices = [("", _("No audit; a document below")), *audits]  # type: ignore[attr-defined]

    def evidence(self) -> reinstating.NamedEvidence:
        """What the vote rests on, kept and digested."""
        before = reinstating.evidence_of_votes(self.of)
        if before is not None:
            if self.cleaned_data["digest"] != before.digest:
                raise ApplicationError(gettext("Another vote named its evidence meanwhile. Read it, and vote on that."))
            return before
        if self.cleaned_data["audit"]:
            return reinstating.evidence_from_audit(halt=self.of, audit=uuid.UUID(self.cleaned_data["audit"]))
        given = self.cleaned_data["document"]
        if given is None:
            raise ApplicationError(
                gettext("Name the new evidence: choose an audit made since the halt, or add a document.")
            )
        if given.size > reinstating.MOST_BYTES:
            raise ApplicationError(
                _("Expected a document of at most %(most_bytes)s MiB.")
                % {"most_bytes": reinstating.MOST_BYTES // 2**20}
            )
        return reinstating.evidence_from_document(data=given.read(), name=given.name)
