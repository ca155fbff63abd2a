"""The site's end of sealed letters: opens orders with its own key, seals answers to the coordinator's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from federation.domain import messages
from federation.domain.messages import Message, MessageError
from federation.domain.secure import envelope, letters
from federation.domain.secure.certificates import Certificate
from federation.domain.secure.envelope import EnvelopeRefused, Opener, Purpose
from federation.site.home import SiteHome

EVIDENCE = {"train"}  # answers that an auditor must be able to check when the letter is gone


def open_order(home: SiteHome, text: str) -> Message:
    """The coordinator's order. Raises MessageError for anything else, and for an order in the open that must not be."""
    config = home.config
    if not letters.is_letter(text):
        order, _ = messages.unseal(text, sender="coordinator", public_key=config.coordinator_public_key)
        if is_secured(order):
            raise MessageError(f"{order.key} came in the open; the run's configuration wants it sealed")
        return order
    try:
        claimed = letters.peek(text)
        expected = Purpose(claimed.run, claimed.round, claimed.step, config.site, envelope.TO_SITE, claimed.config_hash)
        opener = Opener(home.sealing_seed, lambda name: _coordinator(home, name), set())
        order, _ = letters.open_letter(text, opener, expected, now=datetime.now(UTC))
    except EnvelopeRefused as error:
        raise MessageError(f"{error.kind}: {error}") from error
    if expected != _purpose(order, config.site, envelope.TO_SITE):
        raise MessageError(f"the letter of {order.key} holds an order for another run, round or configuration")
    return order


def _coordinator(home: SiteHome, name: str) -> Certificate | None:
    """Pinned when the site was set up; it has no day of its own."""
    if name != "coordinator":
        return None
    return Certificate(name, base64.b64decode(home.config.coordinator_public_key), b"", 0, 2**40)


def is_secured(order: Message) -> bool:
    """A proposal holds nothing but the configuration that people read; all else of such a run is sealed."""
    return order.kind != "propose" and (order.body.get("config") or {}).get("security") is not None


def _purpose(order: Message, site: str, direction: str) -> Purpose:
    body = order.body
    return Purpose(str(body["run"]), int(body.get("round", 0)), order.key, site, direction, str(body["config_hash"]))


def write_answer(home: SiteHome, order: Message, answer: Message) -> str:
    """The answer as text, sealed if the order was."""
    if not is_secured(order):
        return messages.seal(answer, home.key)
    recipient = base64.b64decode(order.body["sealing_key"])
    purpose = _purpose(order, answer.sender, envelope.TO_COORDINATOR)
    return letters.seal_letter(
        answer, purpose, key=home.key, recipient=recipient, evidence=answer.kind in EVIDENCE and answer.ok
    )
