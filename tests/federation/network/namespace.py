"""A second host on this machine: a network namespace with one wire to the first, which can be pulled out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HELP = (
    "expected a machine that permits network namespaces, got: {said}; run the tests as root with iproute2 "
    "(`apt-get install iproute2`), in a container with --cap-add NET_ADMIN --cap-add SYS_ADMIN"
)


class Namespace:
    """A host that reaches the first one at `here` and nothing else: it has no other route."""

    def __init__(self) -> None:
        number = os.getpid() % 16_000
        self.name, self.wire, self._far = f"qfl{number}", f"qfl{number}a", f"qfl{number}b"
        self._hosts = Path("/etc/netns") / self.name / "hosts"  # `ip netns exec` lays it over /etc/hosts
        net = f"10.{200 + number // 4096}.{number // 16 % 256}"
        self.here, self.there = (f"{net}.{number % 16 * 4 + last}" for last in (1, 2))

    def open(self) -> Namespace:
        for command in (
            f"netns add {self.name}", f"link add {self.wire} type veth peer name {self._far}",
            f"link set {self._far} netns {self.name}", f"addr add {self.here}/30 dev {self.wire}",
            f"link set {self.wire} up", f"-n {self.name} addr add {self.there}/30 dev {self._far}",
            f"-n {self.name} link set {self._far} up", f"-n {self.name} link set lo up",
        ):  # fmt: skip
            ip(command)
        return self

    def call_first(self, name: str) -> None:
        """Let the first host be found under a name too."""
        self._hosts.parent.mkdir(parents=True, exist_ok=True)
        self._hosts.write_text(f"127.0.0.1 localhost\n{self.here} {name}\n")

    def pull_out(self) -> None:
        ip(f"link set {self.wire} down")

    def plug_in(self) -> None:
        ip(f"link set {self.wire} up")

    def start(self, command: list[str], **given) -> subprocess.Popen:
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], **given)

    def close(self) -> None:
        for command in (["link", "del", self.wire], ["netns", "del", self.name]):
            subprocess.run(["ip", *command], check=False, capture_output=True)
        shutil.rmtree(self._hosts.parent, ignore_errors=True)


def ip(command: str) -> None:
    try:
        done = subprocess.run(["ip", *command.split()], check=False, capture_output=True, text=True)
    except OSError as error:
        pytest.fail(HELP.format(said=error))
    if done.returncode:
        pytest.fail(HELP.format(said=f"`ip {command}`: {done.stderr.strip()}"))
