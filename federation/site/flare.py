"""``python -m federation.site flare --home /srv/qfl-site``: this site's client of NVIDIA FLARE.

The client's key is drawn here and never leaves; the platform signs a certificate for it and sends the rest of the kit,
once. Later starts need only the folder. FLARE stands in an environment of its own (`make flare`).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import signal
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import kombu
from cryptography import x509

from federation.domain import flare_keys
from federation.engines import flare_kit
from federation.site.asking import Line, NoAnswer, Refused
from federation.site.home import SiteHome
from provenance.witness.state import write_whole

KEY = "flare.key"  # in the site's folder; the kit's folder holds a copy, where FLARE looks for it
MAX_KIT = 16 * 2**20
KIT_SECONDS = 120.0  # FLARE's provisioning takes some of them
ANSWER_SECONDS, AGAIN_SECONDS = 5.0, 1.0
LOOK_SECONDS = 0.5


class KitError(Exception):
    """There is no client that could be started; the text says what to do."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m federation.site flare", description=__doc__)
    parser.add_argument("--home", type=Path, default=os.environ.get("SITE_HOME"), help="the site's folder (SITE_HOME)")
    parser.add_argument("--new-key", action="store_true", help="draw another key, e.g. after the last was revoked")
    given = parser.parse_args(arguments)
    try:
        flare_kit.python()
        home = _home(given.home)
        return _run(home, _kit(home, new_key=given.new_key))
    except (KitError, flare_kit.FlareMissing) as error:
        print(f"  {error}", file=sys.stderr)
        return 2


def _home(folder: Path | None) -> SiteHome:
    if folder is None or not (Path(folder) / "site.json").exists():
        raise KitError(f"expected the folder of a site that has joined in --home or SITE_HOME, got {folder or 'none'}")
    return SiteHome(Path(folder))


def _kit(home: SiteHome, *, new_key: bool) -> Path:
    """The site's kit: that in its folder while it is good, else one that is asked for now."""
    held = held_kit(home.folder, home.config.queue)
    if held is not None and not new_key and not flare_kit.ends_soon((held / "startup" / "client.crt").read_text()):
        return held
    if not home.config.redis_url:
        if held is not None and not new_key and _ends(held) > datetime.now(UTC):
            return held
        raise KitError("this site joined over FLARE alone, and its certificate is no longer good; ask for an "
                       "invitation under the same code and join with --flare into the same folder")  # fmt: skip
    try:
        return fetch(home.folder, Line.of(home), new_key=new_key)
    except KitError as error:
        if held is None or new_key or _ends(held) <= datetime.now(UTC):
            raise
        print(f"  {error}; the client starts with the certificate that it has", file=sys.stderr)
        return held


def fetch(folder: Path, line: Line, *, new_key: bool = False) -> Path:
    """Ask for a certificate for this site's key until there is one, and put the kit into the folder."""
    asked = {"request": request_of(folder, line.channel, new_key=new_key)}
    deadline = time.monotonic() + KIT_SECONDS
    try:
        while time.monotonic() < deadline:
            with contextlib.suppress(NoAnswer):  # the inbox may not yet know a site that has just joined
                answer = line.ask(flare_keys.KIND, asked, seconds=ANSWER_SECONDS)
                if answer.body["ready"]:
                    kit = unpack(answer.attachments["kit"], folder, line.channel)
                    line.tell(flare_keys.KIND, {"taken": True})
                    return kit
                time.sleep(AGAIN_SECONDS)
    except Refused as error:
        raise KitError(f"the platform refused: {error}") from error
    except (OSError, kombu.exceptions.OperationalError) as error:
        raise KitError(f"no certificate came: {error}") from error
    raise KitError(f"no certificate came within {KIT_SECONDS:.0f} s: the inbox or NVIDIA FLARE does not run at the "
                   "platform (`manage.py run_flare`); run the same command again later")  # fmt: skip


def request_of(folder: Path, channel: str, *, new_key: bool = False) -> str:
    """The request for a certificate of the client's key, which is drawn and stored before anybody hears of it."""
    key = folder / KEY
    if new_key or not key.exists():
        write_whole(key, flare_keys.new_key())
    return flare_keys.request_for(key.read_bytes(), channel)


def unpack(packed: bytes, folder: Path, channel: str) -> Path:
    """Put a kit into the site's folder in the place of an earlier one, and the site's own key into it."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = {Path(name).parts[0] for name in archive.namelist()}
            if len(names) != 1 or sum(entry.file_size for entry in archive.infolist()) > MAX_KIT:
                raise KitError(f"expected one kit of at most {MAX_KIT:,} bytes, got {sorted(names)[:3]}")
            if not (name := names.pop()).startswith(channel):
                raise KitError(f"expected the kit of {channel}, got that of {name}")
            shutil.rmtree(folder / "flare", ignore_errors=True)
            archive.extractall(folder / "flare")
    except zipfile.BadZipFile as error:
        raise KitError(f"expected an archive from the platform: {error}") from error
    write_whole(folder / "flare" / name / "startup" / "client.key", (folder / KEY).read_bytes())
    if (kit := held_kit(folder, channel)) is None:
        raise KitError("the platform's certificate is not for this site's key; run the same command again")
    return kit


def held_kit(folder: Path, channel: str) -> Path | None:
    """The kit in the site's folder, if it is this site's and for its key."""
    found = sorted((folder / "flare").glob("*/startup/client.crt"))
    if len(found) != 1 or not (folder / KEY).exists():
        return None
    kit, certificate = found[0].parents[1], x509.load_pem_x509_certificate(found[0].read_bytes())
    own = flare_keys.mark_of_private((folder / KEY).read_bytes()) == flare_keys.key_mark(certificate.public_key())
    return kit if own and kit.name.startswith(channel) else None


def _ends(kit: Path) -> datetime:
    return x509.load_pem_x509_certificate((kit / "startup" / "client.crt").read_bytes()).not_valid_after_utc


def _run(home: SiteHome, kit: Path) -> int:
    """FLARE's client until it ends or this process is told to stop."""
    passed = {name: value for name in ("SITE_HANDLERS", "SITE_CLOUD_DEVICES", "SITE_OVERLAYS", "SITE_WATTS",
                                       "SITE_SUMMARY_EPSILON")
              if (value := os.environ.get(name))}  # fmt: skip
    variables = {"SITE_HOME": str(home.folder.resolve()), "OMP_NUM_THREADS": "1", **passed}
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.append(1))
    process = flare_kit.start(flare_kit.site_command(kit.resolve()), kit=kit.resolve(), variables=variables)
    print(f"  NVIDIA FLARE's client of {home.config.site} runs; Ctrl-C stops it.", flush=True)
    try:
        while not stopped and process.poll() is None:
            time.sleep(LOOK_SECONDS)
    finally:
        flare_kit.stop(process)
    return 0 if stopped else process.returncode
