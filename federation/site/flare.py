"""``python -m federation.site flare flare-kit.zip --home /srv/qfl-site``: this site's client of NVIDIA FLARE.

The kit is unpacked into the site's own folder, once; later starts need only the folder. FLARE stands in an environment
of its own (`make flare`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from federation.engines import flare_kit
from federation.site.home import SiteHome

MAX_KIT = 16 * 2**20
LOOK_SECONDS = 0.5


class KitError(Exception):
    """The kit cannot be used; the text says what to do."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m federation.site flare", description=__doc__)
    parser.add_argument("kit", type=Path, nargs="?", help="the archive from the platform's page; only the first time")
    parser.add_argument("--home", type=Path, default=os.environ.get("SITE_HOME"), help="the site's folder (SITE_HOME)")
    parser.add_argument("--from", dest="kits", type=Path, help="a folder of kits on this machine, waited for")
    given = parser.parse_args(arguments)
    try:
        home = _home(given.home)
        if given.kits:
            _waited_for(given.kits / home.config.queue, home)
        elif given.kit:
            unpack(given.kit, home)
        return _run(home, kit_of(home))
    except (KitError, flare_kit.FlareMissing) as error:
        print(f"  {error}", file=sys.stderr)
        return 2


def _home(folder: Path | None) -> SiteHome:
    if folder is None or not (Path(folder) / "site.json").exists():
        raise KitError(f"expected the folder of a site that has joined in --home or SITE_HOME, got {folder or 'none'}")
    return SiteHome(Path(folder))


def unpack(archive: Path, home: SiteHome) -> Path:
    """Put a kit into the site's folder in the place of an earlier one."""
    try:
        with zipfile.ZipFile(archive) as packed:
            names = {Path(name).parts[0] for name in packed.namelist()}
            if len(names) != 1 or sum(entry.file_size for entry in packed.infolist()) > MAX_KIT:
                raise KitError(f"expected one kit of at most {MAX_KIT:,} bytes in {archive}, got {sorted(names)[:3]}")
            _check_name(name := names.pop(), home)
            shutil.rmtree(home.folder / "flare", ignore_errors=True)
            packed.extractall(home.folder / "flare")
    except (OSError, zipfile.BadZipFile) as error:
        raise KitError(f"expected the archive from the platform's page, cannot read {archive}: {error}") from error
    kit = home.folder / "flare" / name
    (kit / "startup" / "client.key").chmod(0o600)
    return kit


def _check_name(name: str, home: SiteHome) -> None:
    if not name.startswith(home.config.queue):
        raise KitError(f"the kit is for {name}, this folder belongs to {home.config.queue}; ask for its own kit")


def _waited_for(source: Path, home: SiteHome) -> None:
    """On the platform's own machine, for a trial: take the kit where it was made."""
    while not source.exists():
        time.sleep(LOOK_SECONDS)
    own = home.folder / "flare" / source.name
    if (own / "startup" / "client.crt").exists() and _same(own, source):
        return
    shutil.rmtree(home.folder / "flare", ignore_errors=True)
    shutil.copytree(source, own)


def _same(own: Path, source: Path) -> bool:
    return all((own / file).read_bytes() == (source / file).read_bytes() for file in
               ("startup/client.crt", "startup/fed_client.json"))  # fmt: skip


def kit_of(home: SiteHome) -> Path:
    """The kit in the site's folder, if its certificate still holds."""
    found = sorted((home.folder / "flare").glob("*/startup/client.crt"))
    if len(found) != 1:
        raise KitError("expected the kit (the archive from the platform's page) as the first argument")
    kit = found[0].parents[1]
    _check_name(kit.name, home)
    ends = x509.load_pem_x509_certificate(found[0].read_bytes()).not_valid_after_utc
    if ends <= datetime.now(UTC):
        raise KitError(f"the kit's certificate ended at {ends:%Y-%m-%d}; download a new kit from the platform's page")
    return kit


def _run(home: SiteHome, kit: Path) -> int:
    """FLARE's client until it ends or this process is told to stop."""
    passed = {name: value for name in ("SITE_HANDLERS", "SITE_CLOUD_DEVICES", "SITE_OVERLAYS", "SITE_WATTS")
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
