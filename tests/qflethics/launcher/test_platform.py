"""Ports: two platforms that start at the same moment get different ones."""

from __future__ import annotations

import random
import socket
import subprocess
import sys

import pytest

from qflethics.launcher import platform
from qflethics.launcher.platform import Ports
from qflethics.launcher.state import ROOT

CHOOSE = """
import sys
from qflethics.launcher.platform import Ports
chosen = Ports.choose(int(sys.argv[1]))
print(chosen.web, chosen.live, chosen.flare, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _let_go():
    before = len(platform._claims)
    yield
    while len(platform._claims) > before:
        platform._claims.pop().close()


@pytest.fixture
def wanted() -> int:
    """Where the kernel itself hands out no port to others."""
    return random.randrange(20_000, 32_000)


def test_a_port_on_which_somebody_listens_is_passed_over(wanted):
    first = Ports.choose(wanted)
    platform._claims.pop(-3).close()  # of the first of the three, whose program serves now without its launcher
    with socket.create_server(("127.0.0.1", first.web)):
        chosen = Ports.choose(first.web)
    assert first.flare < chosen.web < chosen.live < chosen.flare


def test_launchers_that_choose_before_any_program_listens_get_different_ports(wanted):
    choosing = [
        subprocess.Popen(
            [sys.executable, "-c", CHOOSE, str(wanted)], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    ports = [int(port) for process in choosing for port in process.stdout.readline().split()]  # and all go on running
    for process in choosing:
        process.communicate("")
    assert len(ports) == len(set(ports)) == 9
    assert Ports.choose(min(ports)).web == min(ports)  # those that have ended keep nobody off
