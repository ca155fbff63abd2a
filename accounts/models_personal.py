"""What a person chose for themselves: language, time zone, how they are told of things; their inbox and saved views."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

_SCOPE = "accounts.Institution"


class Preferences(models.Model):
    """One person's choices. Whoever has made none has the defaults, and no row."""

    exempt_reason = "how pages look to one person and how they hear of things: decides nothing"

    class Digest(models.TextChoices):
        NEVER = "never", _("Never")
        DAILY = "daily", _("Every day")
        WEEKLY = "weekly", _("Every Monday")

    user = models.OneToOneField("accounts.User", models.CASCADE, primary_key=True, related_name="preferences")
    language = models.CharField(max_length=10, blank=True)  # empty: what the browser asks for
    time_zone = models.CharField(max_length=64, default="UTC")
    shortcuts = models.BooleanField(default=True)  # WCAG 2.1.4: single keys can be turned off
    digest = models.CharField(max_length=10, choices=Digest, default=Digest.DAILY)
    ways = models.JSONField(default=dict)  # kind of message -> way, where it is not the kind's own (accounts.inbox)
    digest_at = models.DateTimeField(null=True)  # of the last one
    first_steps_done = models.BooleanField(default=False)  # the list of first steps was put away

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The person's time zone; UTC if this machine does not know it (any more)."""
        try:
            return zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return zoneinfo.ZoneInfo("UTC")


class MessageQuerySet(models.QuerySet["Message"]):
    def unread(self) -> MessageQuerySet:
        return self.filter(read_at__isnull=True)


class Message(models.Model):
    """One thing that one person is told. Names deployments, versions and days; no patient, nothing a person wrote."""

    exempt_reason = "words to one person about a row that is governed itself"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="inbox")
    kind = models.CharField(max_length=40)  # of accounts.inbox.KINDS
    key = models.CharField(max_length=120)  # of what happened: it is told once
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=500, blank=True)
    path = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)  # by itself, or in a digest

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="message_once_a_person")]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="message_of_person"),
            models.Index(fields=["user"], name="message_unread", condition=Q(read_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.title


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def for_user(self, user: Any) -> SavedViewQuerySet:
        """The person's own, and those that others share within an institution of theirs."""
        return self.filter(Q(owner=user.pk) | Q(institution__in=user.institution_ids), removed_at__isnull=True)


class SavedView(models.Model):
    """A list with its filters, under a name. The filters live in the address, so this is an address with a name."""

    exempt_reason = "an address with a name, for one person or institution: decides nothing"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey("accounts.User", models.CASCADE, related_name="saved_views")
    institution = models.ForeignKey(_SCOPE, models.CASCADE, related_name="+", null=True)  # null: the owner's alone
    name = models.CharField(max_length=60)
    path = models.CharField(max_length=200)
    query = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True)  # it can be brought back for a day

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "path", "name"], name="saved_view_once", condition=Q(removed_at__isnull=True)
            )
        ]
        indexes = [models.Index(fields=["path"], name="saved_view_of_page")]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path
