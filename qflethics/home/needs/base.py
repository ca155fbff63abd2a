"""What a need is, and what the files beside this one share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import NoReverseMatch, reverse

from core.tones import ToneName

RECENT = timedelta(days=14)


@dataclass(frozen=True)
class Need:
    """One thing to do or to know."""

    title: str
    detail: str
    url: str  # empty if the page does not exist
    tone: ToneName
    since: datetime


def link(name: str, *arguments: object) -> str:
    """The page's address, or nothing where the page is not installed."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
