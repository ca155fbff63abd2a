"""Where a person is signed in, and ending it: deleting the session's own row signs the device out at once."""

from __future__ import annotations

import time
from typing import Any

from allauth.account import signals as allauth_signals
from allauth.account.authentication import get_authentication_records
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import IdentityProvider, SignedIn, SignIn, User
from core.context import governed

_SEEN = "seen"  # in the session: when its row was last told
_TOLD_EVERY = 300  # seconds
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)  # fmt: skip


def device_of(agent: str) -> str:
    """A device in words, from what its browser says of itself."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return " on ".join(part for part in (browser, system) if part) or "Unknown device"


@receiver(user_logged_in, dispatch_uid="accounts.sessions")
def session_begin(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Note a new session."""
    session = request.session
    session[_SEEN] = time.time()
    if session.session_key is None:
        session.save()
    _forget_ended(user)
    SignedIn.objects.update_or_create(
        session_key=session.session_key,
        defaults={
            "user": user,
            "device": device_of(request.META.get("HTTP_USER_AGENT", "")),
            "seen_at": timezone.now(),
        },
    )


@receiver(allauth_signals.user_logged_in, dispatch_uid="accounts.sign_ins")
def sign_in_record(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Tell the ledger who signed in, and by what; both steps are behind them."""
    shown = get_authentication_records(request, user)
    ways = dict.fromkeys(str(record.get("type") or record["method"]) for record in shown)
    slug = next((record["provider"] for record in shown if record["method"] == "socialaccount"), None)
    with governed(action="sign_in", actor=user.pk):
        SignIn.objects.create(
            user=user, ways=", ".join(ways)[:120],
            provider=IdentityProvider.objects.filter(slug=slug).first() if slug else None,
        )  # fmt: skip


def session_seen(request: HttpRequest) -> None:
    """Note, every few minutes, that a session is in use."""
    session = request.session
    if session.get(_SEEN, 0) > time.time() - _TOLD_EVERY:
        return
    session[_SEEN] = time.time()
    SignedIn.objects.filter(session_key=session.session_key).update(seen_at=timezone.now())


def listed(user: User) -> list[SignedIn]:
    """The person's sessions that live, the last used first."""
    found = list(user.sessions.all())
    living = set(
        Session.objects.filter(
            session_key__in=[row.session_key for row in found], expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    return [row for row in found if row.session_key in living]


def end_all(user: User, *, keep: str | None = None) -> int:
    """Sign a person out everywhere, but for the session of this key; returns how many sessions ended."""
    rows = user.sessions.exclude(session_key=keep) if keep else user.sessions.all()
    return _end(list(rows.values_list("session_key", flat=True)))


def end_one(user: User, number: str) -> int:
    """Sign one device of the person out, by the number that the page knows it by."""
    return _end([row.session_key for row in user.sessions.all() if number_of(row) == number])


def number_of(row: SignedIn) -> str:
    """What a page calls a session: its key is a credential and stays out of pages."""
    return f"{row.started_at:%Y%m%d%H%M%S%f}"


@transaction.atomic
def _end(keys: list[str]) -> int:
    Session.objects.filter(session_key__in=keys).delete()
    return SignedIn.objects.filter(session_key__in=keys).delete()[0]


def _forget_ended(user: User) -> None:
    keys = list(user.sessions.values_list("session_key", flat=True))
    living = Session.objects.filter(session_key__in=keys).values_list("session_key", flat=True)
    SignedIn.objects.filter(session_key__in=set(keys) - set(living)).delete()
