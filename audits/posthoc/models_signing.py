"""Who signed a report off, under which key."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models

from accounts.models import Institution
from core.capture import append_only, captured
from core.models import GovernedModel
from models_registry.models import ReviewerKey

SIGNED_BY_ITS_HOLDER = """
BEGIN
    PERFORM 1 FROM audits_posthoc_report r WHERE r.id = NEW.report_id AND r.state = 'finished'
        AND r.manifest_digest <> '' AND r.requested_by_id IS DISTINCT FROM NEW.signer_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a finished report is signed off, by another person than who asked for it'
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM models_registry_reviewerkey k WHERE k.id = NEW.key_id AND k.user_id = NEW.signer_id
        AND k.revoked_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key is not a live one of the signer' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.signature = '' OR NEW.statement::jsonb ->> 'report' IS DISTINCT FROM NEW.report_id::text
        OR NEW.statement::jsonb ->> 'capacity' IS DISTINCT FROM NEW.capacity
        OR NEW.statement::jsonb ->> 'person' IS DISTINCT FROM NEW.signer_id::text THEN
        RAISE EXCEPTION 'the statement that was signed is not of this report' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""


class ReportSignOff(GovernedModel):
    """A person's signature over the files of a report: an auditor's, or that of a board's chair. Never changed."""

    class Capacity(models.TextChoices):
        AUDITOR = "auditor", "Auditor"
        CHAIR = "board_chair", "Chair of the board"

    report = models.ForeignKey("audits_posthoc.Report", on_delete=models.PROTECT, related_name="sign_offs")
    capacity = models.CharField(max_length=12, choices=Capacity)
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+", null=True)
    key = models.ForeignKey(ReviewerKey, on_delete=models.PROTECT, related_name="+")
    statement = models.TextField()  # see `models_registry.domain.statement`
    signature = models.TextField()  # base64 of ML-DSA-65, or the assertion of WebAuthn as JSON

    class Meta:
        ordering = ["created_at"]
        triggers = [
            *captured(
                "id", "created_at", "report_id", "capacity", "signer_id", "institution_id", "key_id", "statement",
                "signature",
            ),
            append_only()[0],
            pgtrigger.Trigger(
                name="by_its_holder", when=pgtrigger.Before, operation=pgtrigger.Insert, func=SIGNED_BY_ITS_HOLDER
            ),
        ]  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["report", "capacity"], name="report_signed_off_once")]

    def __str__(self) -> str:
        return f"{self.get_capacity_display()} of {self.report}"
