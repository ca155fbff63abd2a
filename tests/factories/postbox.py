"""Stands at the process boundary of a site: orders are done as its worker does them, and nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime

from federation.domain.messages import Message
from federation.domain.run_config import RunConfig
from federation.site.approvals import Statement
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


def carry_out(site: Site, postbox: Recorder, text: str, *, approve: bool = True) -> None:
    """What the worker does with a text from its queue, whichever thread it is for.

    The site's people approve what is asked first, unless they are told not to or have said something about it.
    """
    order = read_order(site.home, text)
    if order is None:
        return
    if approve and "config" in order.body:
        config = RunConfig.from_dict(order.body["config"])
        if site.home.approvals.latest(config.hash) is None:
            approve_at(site, config)
    carry_out_order(site, postbox, order)


def approve_at(site: Site, config: RunConfig) -> Statement:
    """The site's operator and its ethics officer approve a configuration at the site."""
    site.home.approvals.keep_asked(config)
    return site.home.approvals.approve(
        config.hash, operator="Ida Operator", officer="Otto Officer", today=datetime.now(UTC).date(), other_code=True
    )
