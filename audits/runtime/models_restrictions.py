"""Whose data may be stored and not otherwise processed (GDPR Art. 18)."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Institution


class RestrictionQuerySet(models.QuerySet["Restriction"]):
    def at(self, federation_id: uuid.UUID, site: str) -> Self:
        """Those of the institution that takes part in a federation under this code, and of no other's."""
        return self.filter(
            institution__participations__federation_id=federation_id, institution__participations__site=site
        )


class Restriction(models.Model):
    """One standing restriction. It says nothing to whoever has no key of the platform, and is deleted when lifted."""

    exempt_reason = (
        "follows the request that stands in protection_subjectrequest, which is governed: a patient's number must not "
        "be in the ledger, not even blinded"
    )

    request = models.UUIDField(primary_key=True)  # of a higher floor, which placed it and lifts it
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="+", db_index=False)
    patient = models.CharField(max_length=64)  # blind index of institution and number: finds what comes in
    subjects = ArrayField(models.CharField(max_length=64))  # pseudonyms of the patient: find what is stored

    objects = RestrictionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["institution", "patient"], name="restriction_patient")]

    def __str__(self) -> str:
        return f"restriction {self.request}"
