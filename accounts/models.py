from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from accounts.models_emergency import EmergencyAccess
from accounts.models_factor import Factor, FactorReset, ProviderLink
from accounts.models_identity import IdentityProvider, Invitation
from accounts.models_personal import Message, Preferences, SavedView
from accounts.models_session import Cached, SignedIn, SignIn
from core import vault
from core.capture import captured
from core.fields import BlindIndexField, SealedEmailField, SealedTextField
from core.models import GovernedModel
from core.prepared import Prepared
from core.roles import LABELS, Role, allowed

__all__ = [
    "ApiKey", "Cached", "EmergencyAccess", "Factor", "FactorReset", "IdentityProvider", "Institution", "Invitation",
    "Membership", "Message", "Preferences", "ProviderLink", "SavedView", "SignIn", "SignedIn", "User", "UserManager",
]  # fmt: skip


class Institution(GovernedModel):
    """A hospital or coordinating body.

    `slug`, its short name, is also its site code in the data sets, if nobody gave it another. It never changes: the
    pseudonyms of the hospital's patients are found by it (`core.pseudonyms`).
    """

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        triggers = captured("id", "created_at", "slug", "name", "is_active")

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Name and address are sealed under the person's own key: tables, log and dumps hold ciphertext.

    People sign in by a blind index of the address, which is not captured: it is the same whenever the address is.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = SealedEmailField(subject="id", blind_index="email_index", max_length=254, unique=True)
    email_index = BlindIndexField(source="email")
    name = SealedTextField(subject="id", max_length=120)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Rights that an emergency lends to this request (`accounts.emergency`): set by the middleware, in no table.
    lent: frozenset[str] = frozenset()

    objects = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        ordering = ["created_at", "id"]
        triggers = captured("id", "created_at", "email", "name", "is_active", "is_staff", "is_superuser")

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args, update_fields: Iterable[str] | None = None, **kwargs) -> None:
        if update_fields is not None and "email" in update_fields:
            update_fields = {*update_fields, "email_index"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def get_short_name(self) -> str:
        return self.name

    @property
    def roles(self) -> frozenset[Role]:
        """All roles that the person holds, at whatever institution."""
        return frozenset(Role(m.role) for m in self._memberships())

    def roles_at(self, institution_id: uuid.UUID | None) -> frozenset[Role]:
        return frozenset(Role(m.role) for m in self._memberships() if m.institution_id == institution_id)

    @property
    def role_label(self) -> str:
        held = self.roles
        return ", ".join(LABELS[role] for role in Role if role in held) or "No role"

    @property
    def institution_ids(self) -> frozenset[uuid.UUID]:
        return frozenset(m.institution_id for m in self._memberships() if m.institution_id)

    @property
    def institution(self) -> Institution | None:
        return next((m.institution for m in self._memberships() if m.institution), None)

    @property
    def sees_all(self) -> bool:
        """Whether a membership of the platform itself (no institution) lifts the institution scope."""
        return any(m.institution_id is None for m in self._memberships())

    @property
    def held(self) -> list[Membership]:
        """What the person holds now; read once."""
        return self._memberships()

    def may(self, action: str) -> bool:
        return self.is_active and (allowed(self.roles, action) or action in self.lent)

    def may_at(self, action: str, institution_id: uuid.UUID | None) -> bool:
        """Whether a role held at this very institution (none: the platform itself) allows it.

        One held elsewhere answers for nobody here.
        """
        return self.is_active and allowed(self.roles_at(institution_id), action)

    def _memberships(self) -> list[Membership]:
        if not hasattr(self, "_membership_cache"):
            self._membership_cache = list(self.memberships.select_related("institution").filter(is_active=True))
        return self._membership_cache


class Membership(GovernedModel):
    """A role that a person holds at an institution, or (no institution) on the platform itself."""

    class RoleChoices(models.TextChoices):
        ADMINISTRATOR = Role.ADMINISTRATOR, LABELS[Role.ADMINISTRATOR]
        ETHICS_OFFICER = Role.ETHICS_OFFICER, LABELS[Role.ETHICS_OFFICER]
        AUDITOR = Role.AUDITOR, LABELS[Role.AUDITOR]
        SITE_OPERATOR = Role.SITE_OPERATOR, LABELS[Role.SITE_OPERATOR]
        CLINICIAN = Role.CLINICIAN, LABELS[Role.CLINICIAN]
        EXTERNAL_AUDITOR = Role.EXTERNAL_AUDITOR, LABELS[Role.EXTERNAL_AUDITOR]

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, null=True, blank=True)
    role = models.CharField(max_length=20, choices=RoleChoices)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["user", "role"]
        triggers = captured("id", "created_at", "user_id", "institution_id", "role", "is_active")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "institution", "role"], name="membership_once", nulls_distinct=False
            ),
            # Only administrators and auditors work across institutions; everyone else belongs to one.
            models.CheckConstraint(
                condition=Q(institution__isnull=False) | Q(role__in=[Role.ADMINISTRATOR, Role.AUDITOR]),
                name="membership_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


_KEY_FIELDS = (
    "id", "created_at", "name", "prefix", "digest", "institution_id", "actions", "issued_by_id", "expires_at",
    "revoked_at", "last_used_at",
)  # fmt: skip
_USE_TOLD_EVERY = timedelta(minutes=10)  # a write for each request would cost more than the request
# The row that `ApiKey.proved` takes; other statements hold it as a part.
KEY = f"SELECT {', '.join(_KEY_FIELDS)} FROM accounts_apikey WHERE prefix = %(prefix)s::text"  # noqa: S608 - constants
KEY_COLUMNS = len(_KEY_FIELDS)
_KEY = Prepared(KEY)


class ApiKey(GovernedModel):
    """A machine's key: scoped to actions and one institution, stored as a hash, shown once."""

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    institution = models.ForeignKey(Institution, on_delete=models.PROTECT)
    actions = models.JSONField(default=list)  # names from core.roles.MATRIX
    issued_by = models.ForeignKey(User, on_delete=models.PROTECT)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)  # to within some minutes; not followed by the ledger

    class Meta:
        ordering = ["-created_at"]
        triggers = captured(
            "id", "created_at", "prefix", "institution_id", "actions", "issued_by_id", "expires_at", "revoked_at"
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(cls, **fields) -> tuple[ApiKey, str]:
        """A new key and its secret, which is not stored and cannot be shown again."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = cls.objects.create(prefix=prefix, digest=hashlib.sha256(secret.encode()).hexdigest(), **fields)
        vault.ensure(key.pk)
        return key, f"qfl_{prefix}_{secret}"

    @classmethod
    def find(cls, presented: str) -> ApiKey | None:
        """The valid key that was presented, or None."""
        prefix = cls.prefix_of(presented)
        if prefix is None:
            return None
        with connection.cursor() as cursor:  # asked at every request, so that a revocation holds at once
            _KEY.execute(cursor, {"prefix": prefix})
            row = cursor.fetchone()
        return row and cls.proved(row, presented)

    @staticmethod
    def prefix_of(presented: str) -> str | None:
        """The part that finds the key, if it looks like one."""
        parts = presented.split("_", 2)
        return parts[1] if len(parts) == 3 and parts[0] == "qfl" else None

    @classmethod
    def proved(cls, row: Sequence[Any], presented: str) -> ApiKey | None:
        """The key of a row of `KEY`, if the secret is the one that was presented, and it is valid now."""
        key = cls(**{**dict(zip(_KEY_FIELDS, row, strict=True)), "actions": json.loads(row[6])})
        digest = hashlib.sha256(presented.split("_", 2)[2].encode()).hexdigest()
        if not secrets.compare_digest(key.digest, digest):
            return None
        now = timezone.now()
        if key.revoked_at is not None or key.expires_at <= now:
            return None
        if key.last_used_at is None or key.last_used_at < now - _USE_TOLD_EVERY:
            cls.objects.filter(pk=key.pk).update(last_used_at=now)
        return key
