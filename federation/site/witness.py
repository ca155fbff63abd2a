"""The site as a witness of the log: it keeps the largest tree it has seen, and cosigns what grows from it.

What it keeps lies in its own folder, so the platform can neither read nor rewrite it. That memory, at every hospital,
is what makes a rewritten or forked ledger show.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from federation.domain.messages import Message
from federation.site.handlers import Answer, OrderRefused, Site, Tell, handles
from provenance.domain.errors import LedgerError
from provenance.domain.witness import parse_request
from provenance.witness.state import WitnessError, WitnessHome

logger = logging.getLogger("federation.site")
_opened: dict[Path, WitnessHome] = {}


@handles("witness", quick=True)
def cosign(site: Site, order: Message, tell: Tell) -> Answer:
    """Answer the add-checkpoint request in the order, in the terms of HTTP, and say which keys the answer is under."""
    data = str(order.body["request"]).encode()
    try:
        witness = open_witness(site)
        _follow(witness, site, order)
        answer = witness.add_checkpoint(data)
    except (WitnessError, OSError) as error:  # names the site's folder: for its own log, not for the coordinator
        logger.exception("cannot witness")
        raise OrderRefused("the site's witness cannot answer; its operator finds the reason in its log") from error
    body = {
        "status": answer.status,
        "content_type": answer.content_type,
        "body": answer.body.decode(),
        "name": witness.name,
        "vkeys": list(witness.vkeys),
    }
    try:
        request = parse_request(data)
    except LedgerError:
        return body, {}
    body |= {"old_size": request.old_size, "size": request.checkpoint.size}
    known = witness.log(request.checkpoint.origin)
    if answer.status != 200 and known is not None and known.seen is not None:
        body["latest"] = known.seen.note.decode()  # what it holds instead, as the log signed it
    return body, {}


def open_witness(site: Site) -> WitnessHome:
    """The witness in the site's folder, made on first use, with the log's keys pinned then."""
    folder, config = site.home.folder / "witness", site.home.config
    if folder not in _opened or not folder.exists():
        kept = folder / "name"
        if not config.log_keys and not kept.exists():
            raise OrderRefused("this site was set up without the log's keys; provision it again, then it can witness")
        given = os.environ.get("WITNESS_PASSPHRASE_FILE")
        passphrase = Path(given).read_bytes().strip() if given else None
        name = kept.read_text().strip() if kept.exists() else config.witness_name
        _opened[folder] = WitnessHome.create(folder, name=name, passphrase=passphrase)
    witness = _opened[folder]
    if not witness.logs():
        witness.trust(config.log_keys)
    return witness


def _follow(witness: WitnessHome, site: Site, order: Message) -> None:
    """Follow the log's changes of keys, each vouched for by the keys before it; pass over those that do not fit."""
    for change in order.body.get("rotations", ())[:16]:
        vkeys = [str(vkey) for vkey in change["vkeys"]]
        try:
            if witness.rotate(vkeys, str(change["note"]).encode()):
                logger.warning("%s: the log changed its keys; the old ones vouched for the new", site.home.config.site)
        except WitnessError as error:
            logger.info("a change of the log's keys does not apply here: %s", error)
