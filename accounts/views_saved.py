"""Saved views: a list with its filters under a name, for its owner or for an institution."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError, transaction
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import SavedView, User
from core.errors import ApplicationError, Conflict

MOST = 50  # a person's
MOST_QUERY = 1000  # as it is written in an address
_LEFT_OUT = {"page", "after", "before", "csrfmiddlewaretoken"}  # where somebody stood in the list, not which list


def view_save(*, user: User, name: str, path: str, query: str, share: bool) -> SavedView:
    """Keep an address under a name; a name that the person has on this page already is given the new filters.

    Raises
    ------
    ApplicationError
        If the address is no page here, or the person belongs to no institution that it could be shared in.
    Conflict
        If the person has too many.
    """
    try:
        resolve(path)
    except Resolver404:
        raise ApplicationError("Expected the address of a page of this platform; nothing was saved.") from None
    institution = user.institution if share else None
    if share and institution is None:
        raise ApplicationError("You belong to no institution, so there is nobody to share the view with.")
    if SavedView.objects.filter(owner=user, removed_at=None).count() >= MOST:
        raise Conflict(gettext("You have %(most)s saved views; remove one first.") % {"most": MOST})
    kept = urlencode([(key, value) for key, value in parse_qsl(query) if key not in _LEFT_OUT])
    if len(kept) > MOST_QUERY:
        raise ApplicationError(
            gettext("Expected filters of at most %(most_query)s characters, got %(n)s.")
            % {"most_query": f"{MOST_QUERY:,}", "n": f"{len(kept):,}"}
        )
    found: dict[str, Any] = {"owner": user, "path": path, "name": name, "removed_at": None}
    try:
        with transaction.atomic():
            made, _ = SavedView.objects.update_or_create(**found, defaults={"query": kept, "institution": institution})
    except IntegrityError:  # a double click: the other one has made it
        made = SavedView.objects.get(**found)
    return made


def view_remove(view: SavedView) -> None:
    """Put it away; within a day it can be brought back."""
    SavedView.objects.filter(id=view.id).update(removed_at=timezone.now())


def view_restore(view: SavedView) -> None:
    """Bring it back.

    Raises
    ------
    Conflict
        If another view has taken its name meanwhile.
    """
    try:
        with transaction.atomic():
            SavedView.objects.filter(id=view.id).update(removed_at=None)
    except IntegrityError:
        raise Conflict(
            gettext("Another view is called “%(view)s” by now; this one stays removed.") % {"view": view.name}
        ) from None
