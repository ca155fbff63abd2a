"""What people are told: in the inbox always, and by e-mail at once or in a digest, as each chose for each kind.

A message holds names of deployments, versions and institutions, days, and the monitor's own sentences. What a person
wrote stays out, as people write of people; so do patients and cases. Telling twice adds nothing: a message has a key.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models import Message, Preferences, SavedView, User
from core import jobs
from core.roles import Role

MAIL, DIGEST = "message.mail", "message.digest"
DIGEST_HOUR = 7  # of the person's own morning
MOST_LISTED = 50  # in one digest; the rest is counted
KEPT = dt.timedelta(days=365)  # read messages
UNDO = dt.timedelta(days=1)  # how long a removed view can be brought back
FOOT = "This message names no patient. Sign in to the platform for everything else."


class Way(models.TextChoices):
    """How a message reaches somebody besides the inbox."""

    AT_ONCE = "at_once", gettext_lazy("E-mail at once")
    DIGEST = "digest", gettext_lazy("In the digest")
    INBOX = "inbox", gettext_lazy("In the inbox only")


@dataclass(frozen=True)
class Kind:
    """One kind of message.

    Attributes
    ----------
    what : when it comes, for the page of preferences
    way : how it comes unless the person chose otherwise
    roles : whom it can reach at all
    fixed : why the way cannot be chosen; "" if it can
    """

    key: str
    label: str
    what: str
    way: Way
    roles: frozenset[Role]
    fixed: str = ""


def _(words: str) -> str:
    """Marked here, translated where it is shown."""
    return words


_OFFICE = frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR})
_SERVED = _OFFICE | {Role.SITE_OPERATOR}
_SAFETY = _("Always sent: patients depend on it.")
KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind("halt", _("Halts"), _("A deployment is halted, or serves again."), Way.AT_ONCE, _SERVED,
             _SAFETY),
        Kind("amber", _("Warnings of the monitor"), _("A warning asks for an officer's decision."), Way.AT_ONCE,
             frozenset({Role.ETHICS_OFFICER})),
        Kind("overdue", _("Overdue matters"),
             _("A warning, an appeal or a regulator's clock was not answered in time."),
             Way.AT_ONCE, frozenset({Role.ETHICS_OFFICER, Role.CLINICIAN}), _SAFETY),
        Kind("approval", _("Approvals"), _("A request or a policy waits for a decision."), Way.DIGEST, _OFFICE),
        Kind("appeal", _("Appeals"), _("A prediction about a patient is contested."), Way.DIGEST,
             frozenset({Role.ETHICS_OFFICER, Role.CLINICIAN})),
        Kind("audit", _("Audits"), _("An audit has ended."), Way.DIGEST, _OFFICE),
        Kind("retrain", _("Retrain or retire"), _("Data that a model learned from are lent no more."), Way.AT_ONCE,
             _OFFICE),
        Kind("ledger", _("Ledger"), _("A check of the ledger failed."), Way.AT_ONCE,
             frozenset({Role.ADMINISTRATOR, Role.AUDITOR})),
        Kind("work", _("Background work"), _("A job gave up."), Way.DIGEST, frozenset({Role.ADMINISTRATOR})),
    )
}  # fmt: skip


def kinds_of(user: User) -> list[Kind]:
    """The kinds that can reach this person."""
    return [kind for kind in KINDS.values() if kind.roles & user.roles]


def preferences_of(user: User) -> Preferences:
    """The person's choices, or the defaults, which are not stored."""
    return Preferences.objects.filter(user=user.pk).first() or Preferences(user=user)


def way_of(preferences: Preferences | None, kind: Kind) -> Way:
    """How this kind reaches somebody."""
    if kind.fixed or preferences is None or preferences.ways.get(kind.key) not in Way.values:
        return kind.way
    return Way(preferences.ways[kind.key])


# --- telling -------------------------------------------------------------------------------------------------------


def people_tell(
    *, users: Iterable[uuid.UUID], kind: str, key: str, title: str, text: str = "", path: str = "", mail: bool = True
) -> int:
    """Put a message into each person's inbox, once; whoever wants it at once gets an e-mail, by a job each.

    `mail=False`: another part of the platform sends the e-mail (notices of halts).
    """
    of_kind, wanted = KINDS[kind], list(users)
    chosen = Preferences.objects.in_bulk(wanted)
    rows = [
        Message(user_id=user, kind=kind, key=key, title=_cut(title, 200), text=_cut(text, 500), path=path)
        for user in wanted
    ]
    with transaction.atomic():
        known = set(Message.objects.filter(key=key, user__in=wanted).values_list("user_id", flat=True))
        Message.objects.bulk_create(rows, ignore_conflicts=True)
        new = [row for row in rows if row.user_id not in known]
        for row in new:
            if not mail:
                Message.objects.filter(id=row.id).update(mailed_at=row.created_at)
            elif way_of(chosen.get(row.user_id), of_kind) == Way.AT_ONCE:
                jobs.enqueue(MAIL, {"user": str(row.user_id), "key": key}, key=f"{MAIL}:{row.user_id}:{key}"[:200])
    return len(new)


def _cut(text: str, most: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def message_mail(payload: dict) -> jobs.Effects | None:
    """Handler of the job: one message by itself."""
    message = Message.objects.select_related("user").get(user=payload["user"], key=payload["key"])
    if message.mailed_at is not None or not _reachable(message.user):
        return None
    lines = [message.text, _link(message.path), FOOT]
    _send(message.user, message.title, lines, f"{message.id.hex}")

    def effects() -> None:
        Message.objects.filter(id=message.id).update(mailed_at=timezone.now())

    return effects


# --- digests -------------------------------------------------------------------------------------------------------


def digest_due(preferences: Preferences, now: dt.datetime) -> bool:
    """Whether this person's digest should go out: once a day, or on Mondays, in the person's own morning."""
    here = now.astimezone(preferences.zone)
    if preferences.digest == Preferences.Digest.NEVER or here.hour < DIGEST_HOUR:
        return False
    if preferences.digest == Preferences.Digest.WEEKLY and here.weekday() != 0:
        return False
    last = preferences.digest_at
    return last is None or last.astimezone(preferences.zone).date() < here.date()


def digests_enqueue(now: dt.datetime) -> int:
    """A job for each person who has something to read and whose hour has come. Asked for every hour."""
    waiting = Message.objects.unread().filter(mailed_at__isnull=True).values("user")
    people = User.objects.filter(pk__in=waiting, is_active=True).select_related("preferences")
    found = 0
    for user in people:
        chosen = getattr(user, "preferences", None) or Preferences(user=user)
        if digest_due(chosen, now):
            day = now.astimezone(chosen.zone).date().isoformat()
            jobs.enqueue(DIGEST, {"user": str(user.pk)}, key=f"{DIGEST}:{user.pk}:{day}")
            found += 1
    return found


def message_digest(payload: dict) -> jobs.Effects | None:
    """Handler of the job: everything unread that the person has not been written of, in one e-mail."""
    user = User.objects.get(pk=payload["user"])
    chosen = preferences_of(user)
    inbox_only = [key for key, kind in KINDS.items() if way_of(chosen, kind) == Way.INBOX]
    waiting = Message.objects.unread().filter(user=user, mailed_at__isnull=True).exclude(kind__in=inbox_only)
    rows = list(waiting[: MOST_LISTED + 1])
    if not rows or not _reachable(user):
        return None
    shown = rows[:MOST_LISTED]
    lines = [f"{KINDS[row.kind].label}: {row.title}\n{_link(row.path)}".strip() for row in shown if row.kind in KINDS]
    if len(rows) > MOST_LISTED:
        lines.append(f"More than {MOST_LISTED} wait; the rest stands in your inbox.")
    how = "daily" if chosen.digest == Preferences.Digest.DAILY else "weekly"
    lines.append(f"This is your {how} digest. Change it on the platform under: Your account, preferences.")
    _send(
        user, f"QFL-ETHICS: {len(rows)} unread message{'s' if len(rows) > 1 else ''}", [*lines, FOOT], payload["user"]
    )
    now = timezone.now()

    def effects() -> None:
        Message.objects.filter(id__in=[row.id for row in rows]).update(mailed_at=now)
        Preferences.objects.update_or_create(user=user, defaults={"digest_at": now})

    return effects


def _reachable(user: User) -> bool:
    return user.is_active and not getattr(user.email, "erased", False)


def _link(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL and path else ""


def _send(user: User, subject: str, lines: Iterable[str], name: str) -> None:
    text = "\n\n".join(line for line in lines if line) + "\n"
    stamp = f"{timezone.now():%Y%m%d}"
    EmailMessage(
        " ".join(subject.split()), text, to=[str(user.email)], headers={"Message-ID": f"<{name}.{stamp}@qfl-ethics>"}
    ).send()


# --- keeping -------------------------------------------------------------------------------------------------------


def old_ones_remove(now: dt.datetime) -> int:
    """Read messages after a year, and removed views after a day."""
    gone, _ = Message.objects.filter(read_at__lt=now - KEPT).delete()
    views, _ = SavedView.objects.filter(removed_at__lt=now - UNDO).delete()
    return gone + views


def forget(user_id: str) -> dict[str, int]:
    """What goes with an erased person."""
    person = uuid.UUID(user_id)
    messages, _ = Message.objects.filter(user=person).delete()
    views, _ = SavedView.objects.filter(owner=person).delete()
    Preferences.objects.filter(user=person).delete()
    return {"messages": messages, "saved views": views}


def counted(user: Any) -> int:
    """Unread messages, for the badge."""
    return Message.objects.unread().filter(user=user.pk).count()
