"""Stands at the process boundary of a site: orders are done as its worker does them, and nothing is sent."""

from __future__ import annotations

from federation.domain.messages import Message
from federation.site.handlers import Site
from federation.site.worker import carry_out_order, read_order


class Recorder:
    """Keeps what would be sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def deliver(self, text: str) -> None:
        self.sent.append(text)

    def progress(self, message: Message) -> None:
        pass


def carry_out(site: Site, postbox: Recorder, text: str) -> None:
    """What the worker does with a text from its queue, whichever thread it is for."""
    order = read_order(site.home, text)
    if order is not None:
        carry_out_order(site, postbox, order)
