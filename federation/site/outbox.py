"""What the site tells the platform unasked: signed when it is said, kept until the broker has taken it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from federation.domain.messages import Message, seal
from federation.site.home import SiteHome
from provenance.witness.state import write_whole


def put(home: SiteHome, kind: str, body: dict) -> None:
    """Keep a message to the coordinator. Saying the same thing again is a new message; its receiver knows."""
    text = seal(Message(kind, home.config.site, "coordinator", f"{kind}:{body['config_hash']}", body), home.key)
    folder = home.folder / "outbox"
    folder.mkdir(exist_ok=True)
    number = max((int(path.name[:8]) for path in folder.glob("*.json")), default=0) + 1
    write_whole(folder / f"{number:08d}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json", text.encode())


def send(home: SiteHome, deliver: Callable[[str], None]) -> int:
    """Hand over what waits, in the order in which it was said; returns how much. What fails stays."""
    waiting = sorted((home.folder / "outbox").glob("[0-9]*.json"))
    for path in waiting:
        deliver(path.read_text())
        path.unlink(missing_ok=True)
    return len(waiting)
