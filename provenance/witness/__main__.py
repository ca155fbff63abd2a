"""Run a witness: python -m provenance.witness --state FOLDER --log VKEY [--log VKEY] --listen HOST:PORT

--log pins a log's keys on the first start: take them from somebody you trust, not from the log alone. Keys that replace
pinned ones come with a checkpoint that the old and the new keys have signed (--vouched FILE). The passphrase of the
witness's own keys is read from the file named in WITNESS_PASSPHRASE_FILE; without it one is made in the folder.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from provenance.witness.server import WitnessServer
from provenance.witness.state import WitnessError, WitnessHome


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. 2 with the reason on standard error for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m provenance.witness", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--state", type=Path, required=True, help="the witness's private folder; made if absent")
    parser.add_argument("--name", help="what it is called, like hospital.example/witness (first start)")
    parser.add_argument("--log", action="append", default=[], metavar="VKEY", help="a key of a log to witness")
    parser.add_argument("--vouched", type=Path, metavar="FILE", help="checkpoint by which old keys vouch for --log")
    parser.add_argument("--listen", metavar="HOST:PORT", help="address to serve; without it the keys are shown only")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(message)s")
    try:
        witness = _open(options)
        for vkey in witness.vkeys:
            print(vkey, flush=True)
        if not options.listen:
            return 0
        server = WitnessServer(_address(options.listen), witness)
    except (WitnessError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    host, port = server.server_address[:2]
    print(f"listening on {host!s}:{port}", flush=True)
    server.serve_forever()
    server.server_close()
    return 0


def _open(options: argparse.Namespace) -> WitnessHome:
    given = os.environ.get("WITNESS_PASSPHRASE_FILE")
    passphrase = Path(given).read_bytes().strip() if given else None
    name = options.name
    if not name:
        if not (options.state / "name").exists():
            raise WitnessError("give the new witness a name: --name hospital.example/witness")
        name = (options.state / "name").read_text().strip()
    witness = WitnessHome.create(options.state, name=name, passphrase=passphrase)
    by_log: dict[str, list[str]] = {}
    for vkey in options.log:
        by_log.setdefault(vkey.partition("+")[0], []).append(vkey)
    for vkeys in by_log.values():
        if options.vouched:
            witness.rotate(vkeys, options.vouched.read_bytes())
        else:
            witness.trust(vkeys)
    return witness


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise WitnessError(f"expected HOST:PORT, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


if __name__ == "__main__":
    sys.exit(main())
