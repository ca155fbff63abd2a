"""Tags of the ledger for the pages of every app: {% load ledger %}.

A page shows where each of its decisions stands in the log. The links are collected while the page is drawn and asked
for once, at the end of `{% evidence_together %}`, so that a list costs no more than one row.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from django import template
from django.template.base import NodeList, Parser, Token
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from provenance import reading
from provenance.models import Checkpoint

register = template.Library()
_BOOK = "evidence_book"  # in the context of a page


@dataclass
class Book:
    """What a page asked for so far. The mark cannot be guessed, so nobody's text is taken for one."""

    mark: str = field(default_factory=lambda: f"\ue000{secrets.token_hex(8)}:")
    asked: list[tuple[str, str]] = field(default_factory=list)  # identifier, and what it is in words

    def place(self, object_id: str, what: str) -> str:
        self.asked.append((object_id, what))
        return f"{self.mark}{len(self.asked) - 1}\ue001"

    def filled(self, page: str) -> str:
        """The page with its links, in two queries."""
        if not self.asked:
            return page
        links = links_of(self.asked)
        return re.sub(f"{self.mark}(\\d+)\ue001", lambda match: links[int(match[1])], page)


def links_of(asked: list[tuple[str, str]]) -> list[str]:
    """The links of some objects: entry, proof, and bundle where a signed checkpoint covers the entry."""
    newest = reading.newest_of(object_id for object_id, _ in asked)
    checkpoint = Checkpoint.objects.first()
    signed = checkpoint.size if checkpoint else 0
    return [
        render_to_string(
            "provenance/evidence_found.html",
            {"object_id": object_id, "what": what, "seq": newest.get(object_id),
             "signed": newest.get(object_id, signed) < signed},
        )
        for object_id, what in asked
    ]  # fmt: skip


@register.simple_tag(takes_context=True)
def evidence_links(context: Context, object_id: Any, what: object = "") -> SafeString:
    """Links to the newest change of an object; nothing for who may not open the ledger."""
    user = context.get("user")
    if not object_id or user is None or not user.is_authenticated or not user.may("ledger.view"):
        return mark_safe("")
    asked = (str(object_id), str(what))
    book = context.get(_BOOK)
    return mark_safe(book.place(*asked) if book is not None else links_of([asked])[0])  # noqa: S308 - ours, escaped


class _Together(template.Node):
    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        if context.get(_BOOK) is not None:  # within another one
            return self.nodelist.render(context)
        book = Book()
        with context.push(**{_BOOK: book}):
            return mark_safe(book.filled(self.nodelist.render(context)))  # noqa: S308 - rendered, hence escaped


@register.tag
def evidence_together(parser: Parser, token: Token) -> _Together:
    """{% evidence_together %} ... {% endevidence_together %}: links inside are asked for once, at the end."""
    nodelist = parser.parse(("endevidence_together",))
    parser.delete_first_token()
    return _Together(nodelist)
