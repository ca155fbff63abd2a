"""Where a private server keeps its files, and with which identity it runs."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534


class LauncherError(Exception):
    """Something the launcher needs is missing; the message holds the line that installs it."""


@dataclass(frozen=True)
class State:
    """Folders of one named set of servers (``demo``, ``test``): data survives, sockets do not.

    PostgreSQL refuses to run as root, and an unprivileged server cannot reach a checkout under a closed /root; so root
    keeps server data under /var/lib and drops to `nobody`, an ordinary user keeps it in the project's var/.
    """

    name: str

    @property
    def tag(self) -> str:
        return hashlib.sha256(f"{ROOT}:{os.geteuid()}".encode()).hexdigest()[:8]

    @property
    def data(self) -> Path:
        base = Path("/var/lib/qflethics") / self.tag if os.geteuid() == 0 else ROOT / "var" / "servers"
        return base / self.name

    @property
    def run(self) -> Path:
        return Path("/tmp") / f"qfl-{self.tag}-{self.name}"  # noqa: S108 - a socket path must stay under 107 bytes

    def folder(self, name: str, *, of: Path | None = None) -> Path:
        """A private folder that the servers own."""
        path = (of or self.data) / name
        path.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o700)
        return path

    def lock(self, *, patience_seconds: float = 20) -> IO[str]:
        """Keep a second launcher off these files for as long as the returned file stays open.

        Waits a little, because a launcher that was just told to stop still holds it.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        file = (self.data / "launcher.lock").open("w")
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                if time.monotonic() > deadline:
                    file.close()
                    raise LauncherError(
                        f"Another launcher is using {self.data}. Stop it (Ctrl-C where it runs) and try again."
                    ) from None
                time.sleep(0.2)

    def secret(self, name: str) -> str:
        """A password that is made once and kept with the data."""
        self.data.mkdir(parents=True, exist_ok=True)
        path = self.data / "secrets.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            path.touch(mode=0o600)
            path.write_text(json.dumps(known))
        return known[name]


def unprivileged() -> dict[str, Any]:
    """Popen arguments that drop root, and make the child die with the launcher whatever kills it."""
    identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return {**identity, "start_new_session": True, "preexec_fn": die_with_parent}


def die_with_parent() -> None:
    """Linux: SIGTERM when the launcher dies, so that even its SIGKILL leaves nothing running."""
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def reachable(folder: Path, state: State) -> Path:
    """The folder itself, or a copy beside the data if an unprivileged server could not reach it."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in [folder, *folder.parents]):
        return folder
    copy = state.data / "binaries" / folder.name
    if not copy.exists():
        shutil.copytree(folder, copy, symlinks=True)
    return copy
