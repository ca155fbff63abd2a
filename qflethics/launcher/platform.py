"""The processes of the platform: the same start commands here, in the tests and in docker/compose.yaml."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qflethics.launcher.state import ROOT
from qflethics.launcher.supervisor import Program, Supervisor

# A site is a stranger: it sees neither the database nor the platform's secrets.
SECRETS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "QFL_VAR", "DJANGO_SETTINGS_MODULE")

_claims: list[socket.socket] = []  # of the ports that this process has chosen


@dataclass(frozen=True)
class Ports:
    web: int
    live: int
    flare: int = 0

    @classmethod
    def choose(cls, wanted: int) -> Ports:
        """The wanted port and the next ones, or the next free ones after them; no other launcher chooses the same."""
        web = _free(wanted)
        live = _free(web + 1)
        return cls(web, live, _free(live + 1))


def _free(port: int) -> int:
    """A port that nobody listens on and that no other launcher has chosen.

    Its program listens seconds later only. Until this process ends the UDP port of the same number, which nothing here
    uses, is bound in its place: one of two that choose at once gets it, and the kernel lets go of it in any case.
    """
    for candidate in range(port, port + 200):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                claim.bind(("127.0.0.1", candidate))
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                claim.close()
                continue
        _claims.append(claim)
        return candidate
    raise OSError(f"no free port from {port} to {port + 199}; stop what listens there or set PORT")


def manage(*command: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *command]


def module(*command: str) -> list[str]:
    return [sys.executable, "-m", *command]


def environment(servers: dict[str, str], *, var: Path, secret_key: str, ports: Ports, settings: str) -> dict[str, str]:
    """What every process of the platform is given."""
    return {
        **os.environ,
        **servers,
        "SECRET_KEY": secret_key,
        "QFL_VAR": str(var),
        "DJANGO_SETTINGS_MODULE": settings,
        "LIVE_PORT": str(ports.live),
        **({"QFL_FLARE": f"localhost:{ports.flare}"} if with_flare() else {}),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",  # several processes share two cores; see DESIGN on PyTorch
        "MKL_NUM_THREADS": "1",
    }


def with_flare() -> bool:
    """Whether NVIDIA FLARE is wanted beside the sites' workers: QFL_FLARE=1 make demo."""
    return os.environ.get("QFL_FLARE", "") not in {"", "0"}


def flare_programs(sites: dict[str, Path]) -> list[Program]:
    """FLARE's server, and a client at each site, which asks for its kit as one on another host does."""
    return [
        Program("flare", manage("run_flare")),
        *(Program(f"flare-{site}", module("federation.site", "flare"), {"SITE_HOME": str(home)}, without=SECRETS)
          for site, home in sites.items()),
    ]  # fmt: skip


def programs(*, ports: Ports, sites: dict[str, Path]) -> list[Program]:
    """Everything but the servers, in the order of starting."""
    return [
        *(flare_programs(sites) if with_flare() else []),
        *([Program("gate", manage("run_gate"))] if os.environ.get("QFL_GATE_URL") else []),
        Program("sequencer", manage("run_sequencer")),
        Program("inbox", manage("run_inbox")),
        Program("coordinator", module("celery", "-A", "qflethics.celery", "worker", "--queues=coordinator",
                "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle")),
        *(site_program(site, home) for site, home in sites.items()),
        Program("monitor", manage("run_monitor")),
        Program("reaper", manage("run_reaper")),
        Program("beat", module("celery", "-A", "qflethics.celery", "beat", "--loglevel=WARNING")),
        Program("anchor", manage("run_anchor")),
        Program("web", module("granian", "qflethics.wsgi:application", "--interface=wsgi", "--http=1",
                "--host=127.0.0.1", f"--port={ports.web}", f"--workers={os.environ.get('WEB_WORKERS', '4')}",
                "--blocking-threads=2", "--respawn-failed-workers", "--workers-kill-timeout=10",
                "--log-level=warning", "--access-log")),
        Program("live", module("uvicorn", "qflethics.asgi:application", "--host=127.0.0.1", f"--port={ports.live}",
                "--timeout-graceful-shutdown=2", "--log-level=warning", "--lifespan=off"),
                {"QFL_ROOT_URLCONF": "qflethics.live.urls"}),
    ]  # fmt: skip


def site_program(site: str, home: Path) -> Program:
    return Program(f"site-{site}", module("federation.site"), {"SITE_HOME": str(home)}, without=SECRETS)


def start_all(
    *, env: dict[str, str], ports: Ports, sites: dict[str, Path], logs: Path, revive: Callable[[], None]
) -> Supervisor:
    """Start every process and watch them, and the servers under them."""
    supervisor = Supervisor(logs=logs, environment=env, revive=revive)
    for program in programs(ports=ports, sites=sites):
        supervisor.add(program)
    supervisor.watch()
    return supervisor
