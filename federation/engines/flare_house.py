"""The platform's end of FLARE: provisions kits for the sites that take part, keeps server and keeper running, reports.

Everything here may die and be started again: the authority, the kits and what was handed over stay in the folder.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from cryptography import x509
from django.conf import settings
from django.utils import timezone

from core.context import governed
from core.keyfiles import made_once
from federation import door, provisioning
from federation.engines import flare_kit
from federation.engines.flare_kit import FlareMissing
from federation.engines.state import State, report, state_of
from federation.models import Participant, RunEvent, TrainingRun
from federation.models_sites import FlareRequest, SitePass
from provenance.witness.state import write_whole

logger = logging.getLogger(__name__)
NOBODY = (
    "No site has asked for a certificate of NVIDIA FLARE yet. A site's operator starts `python -m federation.site "
    "flare` there, or joins with `--flare`."
)
AGAIN_SECONDS = 5.0  # before a process that ended is started again
REFUSED_SECONDS = 30.0
FRESH_SECONDS = 10.0  # of what the keeper writes


def folder() -> Path:
    return Path(settings.VAR) / "flare"


def current() -> Path:
    """The newest kits."""
    return folder() / "current"


def request_of(participant: Participant) -> FlareRequest | None:
    """What the site asked with last; None if it never did, or only before its last certificate was revoked."""
    asked = next(iter(participant.flare_requests.all()), None)
    revoked = max((row.revoked_at for row in _kits_of(participant) if row.revoked_at is not None), default=None)
    return None if asked is None or (revoked is not None and asked.created_at <= revoked) else asked


def client_name(participant: Participant) -> str:
    """What a site's client is called. After a revocation it has a new name, for FLARE itself revokes nothing."""
    revoked = sum(1 for row in _kits_of(participant) if row.revoked_at is not None)
    return participant.channel if not revoked else f"{participant.channel}-{revoked + 1}"


def _kits_of(participant: Participant) -> list[SitePass]:
    return [row for row in participant.passes.all() if row.kind == SitePass.Kind.FLARE]


def clients() -> dict[str, Participant]:
    """Who takes part and has asked for a certificate."""
    found = Participant.objects.filter(is_active=True).order_by("created_at")
    asked = [one for one in found.prefetch_related("passes", "flare_requests") if request_of(one) is not None]
    return {client_name(participant): participant for participant in asked}


def _ends_soon(participant: Participant) -> bool:
    """Whether the newest kit of a site is to be made anew. Without one on record, what is there is good."""
    ends = [row.not_after for row in _kits_of(participant) if row.revoked_at is None]
    return bool(ends) and max(ends) <= timezone.now() + flare_kit.RENEW


class House:
    """Server and keeper, and what they are told."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(f"//{address}")
        if not parts.hostname or not parts.port:
            raise ValueError(f"expected QFL_FLARE as host:port, under which the sites reach FLARE, got {address!r}")
        self.host, self.port = parts.hostname, parts.port
        self.processes: dict[str, subprocess.Popen] = {}
        self._started: dict[str, float] = {}
        self._refused: dict[str, float] = {}  # client that may not work -> when that was last looked into

    def step(self) -> None:
        """One look; what is wrong is reported and tried again."""
        try:
            flare_kit.python()
            if not (known := clients()):
                report("flare", State.STARTING, NOBODY)
                return
            self._provide(known)
            self._keep_running()
            self._report(known)
        except FlareMissing as error:
            report("flare", State.MISSING, str(error))
        except (OSError, subprocess.CalledProcessError, ValueError, redis.RedisError) as error:
            said = getattr(error, "stderr", None)
            logger.exception("FLARE cannot be kept running")
            report("flare", State.FAILED, f"{error} {said.decode(errors='replace')[-500:] if said else ''}".strip())

    def stop(self) -> None:
        flare_kit.stop(*self.processes.values())
        self.processes.clear()

    def _provide(self, known: dict[str, Participant]) -> None:
        """Kits for whom there are none, or whose certificate ends soon, and the list of who may work."""
        told, where = folder() / "sites.json", folder() / "address"
        names = {name: participant.channel for name, participant in known.items()}
        requests = {name: found.request for name, one in known.items() if (found := request_of(one)) is not None}
        address, server = f"{self.host}:{self.port}", current() / self.host / "startup" / "server.crt"
        if server.exists() and not flare_kit.ends_soon(server.read_text()):
            same = told.exists() and json.loads(told.read_text()) == names and where.read_text() == address
            if same and requests == _signed(requests) and not any(map(_ends_soon, known.values())):
                return
        else:
            self.stop()  # it would go on with what ends
        kits = flare_kit.provision(folder(), host=self.host, port=self.port, requests=requests)
        for name, participant in known.items():
            flare_kit.job(folder(), name, channel=participant.channel)
            enter(participant, kits / name)
        fresh = folder() / "current.part"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(kits)
        fresh.replace(current())
        write_whole(where, address.encode())
        write_whole(told, json.dumps(names).encode())

    def _keep_running(self) -> None:
        kits = current().resolve()
        server = kits / self.host
        if not _listens(self.port):  # one that outlived this process serves on
            self._run("server", flare_kit.server_command(server), server, {"REDIS_URL": relay_url()})
        self._run("keeper", flare_kit.keeper_command(kits, folder()), kits / flare_kit.ADMIN, {})

    def _run(self, name: str, command: list[str], kit: Path, variables: dict[str, str]) -> None:
        running = self.processes.get(name)
        if running is not None and running.poll() is None:
            return
        if time.monotonic() - self._started.get(name, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._started[name] = time.monotonic()
        self.processes[name] = flare_kit.start(
            command, kit=kit, variables={"OMP_NUM_THREADS": "1", **variables}, log=folder() / f"{name}.log"
        )

    def _report(self, known: dict[str, Participant]) -> None:
        seen = looked()
        if seen is None or seen["error"]:
            detail = "FLARE's server is being started; this takes some seconds. " + (seen["error"] if seen else "")
            tell_runs(known, {})
            report("flare", State.STARTING, detail.strip())
            return
        sites = {known[name].channel: stand for name, stand in seen["sites"].items() if name in known}
        tell_runs(known, sites)
        report("flare", State.READY, "", sites)
        now = time.monotonic()
        for client in seen["unknown"]:
            if now - self._refused.get(client, -REFUSED_SECONDS) >= REFUSED_SECONDS:
                self._refused[client] = now
                door.client_refused(client)


def _signed(requests: dict[str, str]) -> dict[str, str]:
    """Those of the requests that the kits were made for."""
    files = {name: flare_kit.requests_of(folder()) / f"{name}.csr" for name in requests}
    return {name: file.read_text() for name, file in files.items() if file.exists()}


def tell_runs(known: dict[str, Participant], sites: dict[str, dict]) -> None:
    """Say on the pages of the runs under way whose client has come or gone since the last report."""
    last = state_of("flare")
    before = last.sites if last is not None else {}
    for participant in known.values():
        was, now = (_working(seen.get(participant.channel)) for seen in (before, sites))
        if was == now:
            continue
        for run in TrainingRun.objects.filter(engine__engine="flare", state__in=door.ACTIVE_RUNS):
            if participant.site in run.config["data_digests"]:
                said = f"{participant}: its FLARE client {'works' if now else 'is away'}"
                RunEvent.objects.create(run=run, kind="client", site=participant.site, text=said)


def _working(stand: dict | None) -> bool:
    return stand is not None and stand["state"] == "working"


def looked() -> dict[str, Any] | None:
    """What the keeper last saw, if that is not long ago."""
    try:
        seen = json.loads((folder() / "state.json").read_text())
    except (OSError, ValueError):
        return None
    return seen if time.time() - seen["at"] < FRESH_SECONDS else None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def relay_url() -> str:
    """The broker for FLARE's server, which faces the hospitals: as a user that touches the sites' queues alone."""
    password = made_once(folder() / "broker-password", lambda: secrets.token_hex(24).encode()).decode()
    return provisioning.carrier_user("flare", password)


def enter(participant: Participant, kit: Path) -> SitePass:
    """Put the certificate of a kit on record."""
    found = x509.load_pem_x509_certificate((kit / "startup" / "client.crt").read_bytes())
    with governed(action="pass.issue", reason=f"NVIDIA FLARE, for {participant.site}"):
        return door.enter(participant, SitePass.Kind.FLARE, found)
