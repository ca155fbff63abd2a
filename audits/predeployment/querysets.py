"""Chainable reads. `for_user` is the scope: what lies outside it does not exist for that person (404)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

_FEDERATED = "version__model__federation__participants__institution__in"


class AuditQuerySet(models.QuerySet):
    def for_user(self, user) -> AuditQuerySet:
        """Of the federations of the person's institutions; for an outside auditor, of the version open to them."""
        if user.sees_all:
            return self
        inside = Q(**{_FEDERATED: user.institution_ids})
        return self.filter(inside | Q(version__in=open_versions(user))).distinct()


class ExternalAuditQuerySet(models.QuerySet):
    def for_user(self, user) -> ExternalAuditQuerySet:
        """Of the federations of the person's institutions; to an outside auditor, their own while it is open."""
        if user.sees_all:
            return self
        return self.filter(Q(**{_FEDERATED: user.institution_ids}) | _open_to(user)).distinct()

    def open_to(self, user) -> ExternalAuditQuerySet:
        """Those that this person was invited to, and that are neither closed nor expired."""
        return self.filter(_open_to(user))


def _open_to(user) -> Q:
    return Q(auditor_id=user.pk, state="open", expires_at__gt=timezone.now())


def open_versions(user) -> models.QuerySet:
    """Ids of the versions that an outside auditor may look at now."""
    from audits.predeployment.models import ExternalAudit  # the models stand on these query sets

    return ExternalAudit.objects.open_to(user).values("version")


class PolicyQuerySet(models.QuerySet):
    def for_user(self, user) -> PolicyQuerySet:
        """A policy binds every federation, so whoever may see policies sees all of them."""
        return self if user.may("policy.view") else self.none()
