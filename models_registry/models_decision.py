"""The columns of a decision under four eyes, whatever it is on."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.models import Institution
from core.fields import SealedTextField
from core.models import GovernedModel
from core.roles import Role


class Decision(models.TextChoices):
    APPROVE = "approve"
    REJECT = "reject"


class Capacity(models.TextChoices):
    OFFICER = Role.ETHICS_OFFICER, "Ethics officer"
    ADMINISTRATOR = Role.ADMINISTRATOR, "Administrator"


class DecisionRow(GovernedModel):
    """One person's decision on one content digest. Never changed."""

    Capacity = Capacity

    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    capacity = models.CharField(max_length=20, choices=Capacity)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, null=True)
    decision = models.CharField(max_length=10, choices=Decision)
    reason = SealedTextField(subject="decided_by_id")
    content_digest = models.CharField(max_length=64)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.decision} as {self.capacity}"
