"""In whose time the moments on a page are shown. Everything else (forms, documents, machines) is in UTC."""

from __future__ import annotations

import datetime as dt
from contextvars import ContextVar

from django.utils import timezone

_zone: ContextVar[dt.tzinfo | None] = ContextVar("shown_zone", default=None)


def show_in(zone: dt.tzinfo | None) -> None:
    """Until the request ends; None: in the platform's own time."""
    _zone.set(zone)


def shown(moment: dt.datetime) -> dt.datetime:
    """The moment as the reader's clock shows it. A moment without a zone stays as it is."""
    return timezone.localtime(moment, _zone.get()) if timezone.is_aware(moment) else moment
