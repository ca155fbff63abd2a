from __future__ import annotations

from django.db import models


class FederationQuerySet(models.QuerySet):
    def for_user(self, user) -> FederationQuerySet:
        """Federations of the user's institutions; all for members of the platform itself."""
        if user.sees_all:
            return self
        return self.filter(participants__institution__in=user.institution_ids).distinct()


class RunQuerySet(models.QuerySet):
    def for_user(self, user) -> RunQuerySet:
        if user.sees_all:
            return self
        return self.filter(federation__participants__institution__in=user.institution_ids).distinct()


class ReconsiderationQuerySet(models.QuerySet):
    def for_user(self, user) -> ReconsiderationQuerySet:
        if user.sees_all:
            return self
        return self.filter(run__federation__participants__institution__in=user.institution_ids).distinct()

    def open(self) -> ReconsiderationQuerySet:
        """Not decided yet. A run that made nothing needs no decision."""
        return self.filter(decided_at__isnull=True).exclude(run__state__in=["aborted", "failed"])


class QuantumJobQuerySet(models.QuerySet):
    def for_user(self, user) -> QuantumJobQuerySet:
        """Jobs of the user's institutions, and the platform's own checks of devices, which concern everybody."""
        if user.sees_all:
            return self
        return self.filter(models.Q(institution__isnull=True) | models.Q(institution__in=user.institution_ids))

    def open(self) -> QuantumJobQuerySet:
        return self.filter(state__in=["queued", "submitted", "running"])

    def health_of(self, device: str, purpose: str, noise: str | None) -> QuantumJobQuerySet:
        """Finished checks of one kind, the newest first, under the noise model of this digest or under none."""
        under = {"noise__sha256": noise} if noise else {"noise__isnull": True}
        return self.filter(device=device, purpose=purpose, state="finished", **under).order_by("-finished_at")

    def with_taken(self) -> QuantumJobQuerySet:
        """`taken`: circuits that a provider may charge. All of them, unless a run has ended without its result."""
        sent = models.Sum("tasks__circuits", filter=~models.Q(tasks__state="not_taken"), default=0)
        ended = models.Q(state__in=["failed", "cancelled"])
        return self.annotate(taken=models.Case(models.When(ended, then=sent), default=models.F("circuits")))


class ProviderTaskQuerySet(models.QuerySet):
    def unsettled(self) -> ProviderTaskQuerySet:
        """Those that may still run at the provider, as far as is known here."""
        return self.filter(state__in=["sending", "handed_in"])
