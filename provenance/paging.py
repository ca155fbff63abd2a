"""Paging by key: the log holds millions of rows, so nothing here counts them or skips over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row")
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Stretch(Generic[Row]):
    """A stretch of a list, newest first, and the keys that lead on."""

    rows: list[Row]
    newer: int | None = None  # show what comes after this key
    older: int | None = None  # show what comes before this key
    first: int | None = None  # key of the first row shown
    last: int | None = None


def key_given(request: HttpRequest, name: str) -> int | None:
    """The key that an address names; None for one that is no key: the list is then shown from its beginning."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def stretch(rows: QuerySet[M], *, key: str, size: int, before: int | None = None, after: int | None = None) -> Stretch:
    """Up to `size` rows before (or after) a key, newest first.

    Parameters
    ----------
    rows : queryset
        Filtered; its order is set here.
    key : str
        The number by which rows are ordered.
    """
    onward = after is not None
    if after is not None:
        found = list(rows.filter(**{f"{key}__gt": after}).order_by(key)[: size + 1])
    elif before is not None:
        found = list(rows.filter(**{f"{key}__lt": before}).order_by(f"-{key}")[: size + 1])
    else:
        found = list(rows.order_by(f"-{key}")[: size + 1])
    more, found = len(found) > size, found[:size]
    if not found:
        return Stretch([])
    if onward:
        found.reverse()
    first, last = getattr(found[0], key), getattr(found[-1], key)
    newer = more if onward else before is not None and rows.filter(**{f"{key}__gt": first}).exists()
    older = rows.filter(**{f"{key}__lt": last}).exists() if onward else more
    return Stretch(found, first if newer else None, last if older else None, first, last)
