"""The site's own end of QKD: it asks its key-management entity how the links are, and sends figures, never a key.

``qkd.json`` in the site's folder (or the file that SITE_QKD names) says where the entity is and who the peers are:
``{"url": "https://kme:8443", "authority": "ca.pem", "certificate": "me.pem", "key": "me.key",
"peers": {"south": "SAE-2"}}``. Paths are relative to that file. Nothing of it leaves the site.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from federation.domain.messages import Message
from federation.domain.quantum.qkd.errors import QkdError
from federation.domain.quantum.qkd.etsi014 import Etsi014Client, KmeAccess, QkdKey
from federation.domain.quantum.qkd.report import LinkReport
from federation.site.handlers import Answer, OrderRefused, Site, Tell, handles
from federation.site.home import SiteHome

MAX_PEERS = 32
TIMEOUT_SECONDS = 2.0
KEY_SECONDS = 10.0  # an entity may have to wait for the link


@dataclass(frozen=True)
class QkdHome:
    """The site's access to its entity, and what each peer is called there."""

    access: KmeAccess
    peers: dict[str, str]


def read_home(home: SiteHome) -> QkdHome | None:
    """What the site was told, or None if it has no QKD. Raises OrderRefused if the file cannot be understood."""
    path = Path(os.environ.get("SITE_QKD") or home.folder / "qkd.json")
    if not path.exists():
        return None
    try:
        raw = json.loads(path.read_text())
        files = {name: path.parent / raw[name] for name in ("authority", "certificate", "key")}
        return QkdHome(KmeAccess(url=raw["url"], **files), {str(k): str(v) for k, v in raw["peers"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OrderRefused("the site's qkd.json cannot be read; its operator finds the reason in its log") from error


def fresh_key(home: SiteHome, peer: str) -> QkdKey:
    """A key to share with a peer, which fetches it by its id. Raises OrderRefused with the reason."""
    return _key(home, peer, lambda client, sae: client.enc_keys(sae)[0])


def shared_key(home: SiteHome, peer: str, key_id: str) -> QkdKey:
    """The key that a peer took; the entity hands it out once. Raises OrderRefused with the reason."""
    return _key(home, peer, lambda client, sae: client.dec_keys(sae, [key_id])[0])


def _key(home: SiteHome, peer: str, take: Callable[[Etsi014Client, str], QkdKey]) -> QkdKey:
    held = read_home(home)
    if held is None or peer not in held.peers:
        raise OrderRefused(f"this site has no QKD link to {peer}, whose key the run mixes into the masks")
    try:
        return take(Etsi014Client(held.access, timeout_seconds=KEY_SECONDS), held.peers[peer])
    except QkdError as error:
        raise OrderRefused(f"no quantum key with {peer}: {type(error).__name__}: {error}"[:500]) from error


@handles("qkd_status", quick=True)
def report_links(site: Site, order: Message, tell: Tell) -> Answer:
    """How the link to each peer is that the order names."""
    asked = [str(peer) for peer in order.body.get("peers", ())][:MAX_PEERS]
    held = read_home(site.home)
    return {"links": [_report(held, peer).as_dict() for peer in asked]}, {}


def _report(held: QkdHome | None, peer: str) -> LinkReport:
    if held is None or peer not in held.peers:
        return LinkReport(peer, "unconfigured", reason="" if held is None else "no QKD link to this peer")
    try:
        client = Etsi014Client(held.access, timeout_seconds=TIMEOUT_SECONDS)
        return LinkReport.of_status(peer, client.status(held.peers[peer]))
    except QkdError as error:
        return LinkReport(peer, "down", reason=f"{type(error).__name__}: {error}".replace(str(Path.home()), "~")[:500])
