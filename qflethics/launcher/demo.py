"""`make demo`: from nothing to a governed, halted and reported model, and a platform to click through.

python -m qflethics.launcher.demo [--exit]   (DATA=heart:PATH|lgg:PATH|brats:PATH|mimic_cxr:PATH|phantom, PORT=8000)
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from qflethics.launcher import servers as private_servers
from qflethics.launcher.platform import Ports, environment, manage, start_all
from qflethics.launcher.state import ROOT, LauncherError, State
from qflethics.launcher.supervisor import Supervisor

# Two demonstrations on one machine (a test beside a developer's) need names and folders of their own.
NAME = os.environ.get("QFL_STATE", "demo")
# Of 2000 phantoms an audit was once inconclusive by the chance of the training's noise: the bound of a gap was 0.105.
SIZES = {"phantom": "?patients=3000", "lgg": "?px=64&slices=8", "mimic_cxr": "?patients=2000"}
VAR = Path(os.environ.get("QFL_VAR", ROOT / "var")).resolve()


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop after the scenario; exit 1 if a step failed")
    parser.add_argument("--no-scenario", action="store_true", help="start the platform without running the scenario")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    data = chosen_data()
    running: private_servers.Servers | None = None
    supervisor: Supervisor | None = None
    try:
        say("Starting PostgreSQL and Redis")
        running = private_servers.start(NAME)
        ports = Ports.choose(int(os.environ.get("PORT", "8000")))
        env = environment(
            running.environment, var=VAR, secret_key=State(NAME).secret("secret_key"), ports=ports,
            settings=os.environ.get("DJANGO_SETTINGS_MODULE", "qflethics.settings.dev"),
        )  # fmt: skip
        say("Bringing the schema up to date")
        command(manage("migrate", "-v0"), {**env, "DATABASE_ROLE": "owner"}, stop)
        say(f"Setting up the demonstration on {data}")
        command(manage("demo_setup", "--data", data), env, stop)
        access = json.loads((VAR / "demo" / "access.json").read_text())
        say("Starting the platform")
        sites = {site: VAR / "sites" / site for site in access["sites"]}
        supervisor = start_all(env=env, ports=ports, sites=sites, logs=VAR / "log", revive=running.revive)
        base = f"http://127.0.0.1:{ports.web}"
        wait_for(base, stop)
        (VAR / "demo" / "address").write_text(base)
        code = 0
        if not options.no_scenario:
            code = scenario(base, env, stop)
        greet(base, access)
        if not options.exit:
            print("\n  Running until Ctrl-C.\n", flush=True)
            stop.wait()
        return code
    except Stopped:
        return 130
    except LauncherError as error:
        print(f"\n  {error}\n", file=sys.stderr)
        return 2
    finally:
        say("Stopping")
        if supervisor is not None:
            supervisor.stop()
        if running is not None:
            running.stop()


def chosen_data() -> str:
    """DATA, with the declared sizes of a demonstration where it names none."""
    data = os.environ.get("DATA") or "phantom"
    if "?" in data:
        return data
    name, _, path = data.partition(":")
    return f"{name}:{path}{SIZES[name]}" if name in SIZES else data


def say(text: str) -> None:
    print(f"  · {text}", flush=True)


def command(argv: list[str], env: dict[str, str], stop: threading.Event, *, check: bool = True) -> int:
    """Run a command that Ctrl-C interrupts."""
    process = subprocess.Popen(argv, env=env, cwd=ROOT, start_new_session=True)
    while process.poll() is None:
        if stop.wait(0.1):
            process.terminate()
            process.wait()
            raise Stopped
    if check and process.returncode:
        raise LauncherError(f"`{' '.join(argv[1:])}` failed with exit code {process.returncode}; see above.")
    return process.returncode


def wait_for(base: str, stop: threading.Event, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if stop.wait(0.2):
            raise Stopped
        try:
            with urllib.request.urlopen(f"{base}/health/ready", timeout=2):  # noqa: S310 - our own address
                return
        except OSError:
            continue
    raise LauncherError(f"The web process did not answer within {seconds:.0f} s; see {VAR / 'log' / 'web.log'}")


def scenario(base: str, env: dict[str, str], stop: threading.Event) -> int:
    argv = [sys.executable, "-m", "qflethics.demo.scenario", base, str(VAR / "demo" / "access.json"),
            str(VAR / "scenario.json")]  # fmt: skip
    return command(argv, env, stop, check=False)


def greet(base: str, access: dict) -> None:
    print(f"\n  {base}\n")
    print(f"  Password of everyone below: {access['password']}\n")
    shown: set[str] = set()
    for person in access["people"].values():
        if person["role"] not in shown or person["role"] == "Ethics officer":
            shown.add(person["role"])
            print(f"  {person['role']:<15} {person['email']:<42} {person['institution']}")


if __name__ == "__main__":
    sys.exit(main())
