"""Who may come in: identity providers of institutions, and invitations."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.capture import captured
from core.fields import SealedSecretField
from core.models import GovernedModel
from core.roles import LABELS, Role


class IdentityProvider(GovernedModel):
    """The sign-in service of one institution (OpenID Connect, or SAML 2.0).

    It says who somebody is; what they may do stands in our memberships.
    """

    class Protocol(models.TextChoices):
        OPENID_CONNECT = "openid_connect", "OpenID Connect"
        SAML = "saml", "SAML 2.0"

    institution = models.ForeignKey("accounts.Institution", on_delete=models.PROTECT, related_name="identity_providers")
    protocol = models.CharField(max_length=20, choices=Protocol.choices, default=Protocol.OPENID_CONNECT)
    slug = models.SlugField(max_length=40, unique=True)  # in its addresses, and in the links of people to it
    name = models.CharField(max_length=40)
    issuer = models.CharField(max_length=300)  # the address that it calls itself; of SAML, its entity id
    client_id = models.CharField(max_length=190, blank=True)
    secret = SealedSecretField(subject="id", blank=True)
    sso_url = models.CharField(max_length=500, blank=True)  # of SAML: where it signs people in
    certificates = models.TextField(blank=True)  # of SAML: whose signatures count, as PEM
    email_attribute = models.CharField(max_length=200, blank=True)  # of SAML: holds addresses that it has checked
    factor_amr = models.JSONField(default=list, blank=True)  # what it says of a sign-in that counts as a second factor
    factor_acr = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        triggers = captured(
            "id", "created_at", "institution_id", "protocol", "slug", "name", "issuer", "client_id", "sso_url",
            "certificates", "email_attribute", "factor_amr", "factor_acr", "is_active",
        )  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=(Q(protocol="openid_connect", sso_url="", certificates="") & ~Q(client_id=""))
                | (Q(protocol="saml", client_id="") & ~Q(sso_url="") & ~Q(certificates="")),
                name="provider_has_what_its_protocol_needs",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_saml(self) -> bool:
        return self.protocol == self.Protocol.SAML

    def vouches(self, amr: list[str], acr: str) -> bool:
        """Whether what the provider says of a sign-in counts here as a second factor."""
        return not set(self.factor_amr).isdisjoint(amr) or acr in self.factor_acr


class Invitation(GovernedModel):
    """A role that waits for a person: it is theirs from the moment they accept, and not before."""

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="invitations")
    institution = models.ForeignKey("accounts.Institution", on_delete=models.PROTECT, null=True, blank=True)
    role = models.CharField(max_length=20, choices=[(role.value, LABELS[role]) for role in Role])
    invited_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "user_id", "institution_id", "role", "invited_by_id", "expires_at", "accepted_at",
            "withdrawn_at",
        )  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["user", "institution", "role"], condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_waits_once", nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(withdrawn_at=None), name="invitation_accepted_or_withdrawn"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_role_display()} at {self.institution or 'the platform'}"

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.withdrawn_at is None and self.expires_at > timezone.now()
