"""Startup kits of a FLARE federation: certificates for the sites' own keys, and a policy that permits our relay alone.

FLARE's own defaults let a project's lead bring code to a hospital and a log streamer take text from it, and store
under /tmp; the kits made here permit neither. Needs no FLARE to be imported, only its environment to be there.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from provenance.witness.state import write_whole

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-flare"
ADMIN = "platform@qfl.invalid"
RELAY, EXECUTOR = "federation.engines.flare_server.Relay", "federation.engines.flare_site.SiteExecutor"
ASK_SECONDS = (
    0.25  # between two questions of a client for work; FLARE's own 2 s would be added to each stage of a round
)
JOB = "relay-"  # how the name of a job begins, before the site's
RENEW = timedelta(days=30)
MOST_SITES = 1000  # each has a standing job
HELP = "NVIDIA FLARE was not found in .venv-flare; install it with: make flare"
_BUILDERS = """builders:
  - {path: nvflare.lighter.impl.workspace.WorkspaceBuilder, args: {template_file: [master_template.yml]}}
  - {path: nvflare.lighter.impl.static_file.StaticFileBuilder, args: {config_folder: config}}
  - {path: federation.engines.flare_certs.RequestedCerts, args: {root_valid_days: 3650, requests: %s}}
  - {path: nvflare.lighter.impl.signature.SignatureBuilder}
"""
# Who may do what at a hospital. Jobs name classes that are installed there (byoc: none), and only those of ours.
POLICY = {
    "format_version": "1.0",
    "permissions": {
        "project_admin": {
            "submit_job": "any", "clone_job": "none", "manage_job": "any", "download_job": "none", "view": "any",
            "operate": "any", "shell_commands": "none", "byoc": "none", "server-predeployed-flwr": "none",
        },
        **dict.fromkeys(("org_admin", "lead", "member"), {"view": "any", "submit_job": "none", "byoc": "none"}),
    },
}  # fmt: skip


class FlareMissing(Exception):
    """FLARE is not installed here."""


def python() -> str:
    found = ENVIRONMENT / "bin" / "python"
    if not found.exists():
        raise FlareMissing(HELP)
    return str(found)


def provision(folder: Path, *, host: str, port: int, requests: Mapping[str, str]) -> Path:
    """Make the kits of server, sites and administrator; returns the folder that holds one folder each.

    `requests` are the sites' certificate requests (PEM) by client: a site's kit lacks its key, which stays there. A
    certificate that was made before and ends soon, or is for another key, is made anew; the others stay.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sites = sorted(requests)
    asked = requests_of(folder)
    asked.mkdir(exist_ok=True)
    for site in sites:
        (asked / f"{site}.csr").write_text(requests[site])
    _forget_what_ends(folder / "kits" / "qfl" / "state" / "cert.json")
    server = [f"  - {{name: {host}, type: server, org: platform, fed_learn_port: {port}, admin_port: {port}}}"]
    clients = [f"  - {{name: {site}, type: client, org: {_org(site)}}}" for site in sites]
    admin = [f"  - {{name: {ADMIN}, type: admin, org: platform, role: project_admin}}"]
    project = folder / "project.yml"
    lines = ["api_version: 3", "name: qfl", "participants:", *server, *clients, *admin]
    project.write_text("\n".join(lines) + "\n" + _BUILDERS % json.dumps(str(asked.resolve())))
    subprocess.run(
        [python(), "-m", "nvflare.cli", "provision", "-p", str(project), "-w", str(folder / "kits"), "--force"],
        check=True, capture_output=True, cwd=folder, env=_environment({}),
    )  # fmt: skip
    kits = _moved(folder)
    _restrict(kits / host, RELAY)
    for site in sites:
        _restrict(kits / site, EXECUTOR)
    return kits


def _moved(folder: Path) -> Path:
    """Put the kits that were just made beside the earlier ones: FLARE counts its own to 99 and then makes no more.

    Earlier ones stay, for a server may be at work in one; and good, because the authority is kept.
    """
    made = max((folder / "kits" / "qfl").glob("prod_*"), key=lambda path: int(path.name.removeprefix("prod_")))
    sets = folder / "sets"
    sets.mkdir(exist_ok=True)
    kits = sets / f"{1 + max((int(path.name) for path in sets.iterdir()), default=0):06d}"
    made.rename(kits)
    return kits


def requests_of(folder: Path) -> Path:
    """Where the sites' requests lie that the kits were made for."""
    return folder / "requests"


def ends_soon(certificate: str) -> bool:
    """Whether a certificate (PEM) is to be made anew; FLARE's hold for 360 days."""
    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc <= datetime.now(UTC) + RENEW


def _forget_what_ends(state: Path) -> None:
    """FLARE keeps what it has issued, also past its end."""
    if not state.exists():
        return
    known = json.loads(state.read_text())
    kept = {
        name: held for name, held in known.items() if not (isinstance(held, dict) and ends_soon(held.get("cert", "")))
    }
    if kept != known:
        write_whole(state, json.dumps(kept).encode())


def _org(site: str) -> str:
    """FLARE wants letters, digits and _ in the name of an organisation."""
    return site.replace("-", "_")


def _restrict(kit: Path, own: str) -> None:
    local = kit / "local"
    (local / "authorization.json").write_text(json.dumps(POLICY, indent=1))
    resources = json.loads((local / "resources.json.default").read_text())
    resources |= {"class_list_enforcement_mode": "enforce", "class_allow_list": [own], "allow_log_streaming": False}
    unwanted = {"site_log_streamer", "log_receiver"}
    resources["components"] = [part for part in resources["components"] if part["id"] not in unwanted]
    for part in resources["components"]:
        if part["id"] == "job_scheduler":
            part["args"]["max_jobs"] = MOST_SITES
    text = json.dumps(resources, indent=1).replace("/tmp/nvflare", str(kit / "store"))  # noqa: S108 - FLARE's default
    (local / "resources.json").write_text(text)


def job(folder: Path, client: str, *, channel: str) -> Path:
    """The standing job of one site's client: relay here, executor there. It carries no code.

    Each has its own, so that a site whose client dies is given a new one while the others work on.
    """
    made = folder / f"{JOB}{client}"
    config = made / "app" / "config"
    config.mkdir(parents=True, exist_ok=True)
    (made / "meta.json").write_text(
        json.dumps(
            {"name": made.name, "deploy_map": {"app": ["server", client]}, "min_clients": 1, "resource_spec": {}}
        )
    )
    relay = {"id": "relay", "path": RELAY, "args": {"client": client, "channel": channel}}
    asks = {"task_request_interval": ASK_SECONDS}
    server = {"format_version": 2, "server": asks, "workflows": [relay], "components": []}
    site = {
        "format_version": 2,
        "executors": [{"tasks": ["order"], "executor": {"path": EXECUTOR, "args": {}}}],
        "components": [],
        "default_task_fetch_interval": ASK_SECONDS,
    }
    for name, content in (("server", server), ("client", site)):
        (config / f"config_fed_{name}.json").write_text(json.dumps(content, indent=1))
    return made


def server_command(kit: Path) -> list[str]:
    return [
        python(), "-u", "-m", "nvflare.private.fed.app.server.server_train", "-m", str(kit), "-s", "fed_server.json",
        "--set", "secure_train=true", "org=platform", "config_folder=config",
    ]  # fmt: skip


def site_command(kit: Path) -> list[str]:
    return [
        python(), "-u", "-m", "nvflare.private.fed.app.client.client_train", "-m", str(kit), "-s", "fed_client.json",
        "--set", "secure_train=true", f"uid={kit.name}", f"org={_org(kit.name)}", "config_folder=config",
    ]  # fmt: skip


def keeper_command(kits: Path, folder: Path) -> list[str]:
    """Gives each client its job; see `flare_admin`."""
    return [python(), "-m", "federation.engines.flare_admin", str(kits / ADMIN), str(folder)]


def start(command: list[str], *, kit: Path, variables: Mapping[str, str], log: Path | None = None) -> subprocess.Popen:
    """Without a log, the process writes where this one does."""
    (kit / "transfer").mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("ab")) if log else None
        return subprocess.Popen(command, cwd=kit, stdout=out, stderr=out, env=_environment(variables))


def stop(*processes: subprocess.Popen, seconds: float = 5.0) -> None:
    """End processes and all that they have started: FLARE's jobs are in sessions of their own and would stay."""
    everything = [(process, descendants(process.pid)) for process in processes if process.poll() is None]
    for process, _ in everything:
        process.terminate()
    for process, below in everything:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Whom a process has started, and whom those have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            for child in task.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the platform's but what is named, and no word to anybody outside."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "OMP_NUM_THREADS") if name in os.environ}
    path = f"{ENVIRONMENT / 'bin'}:/usr/bin:/bin"
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1", **variables}
