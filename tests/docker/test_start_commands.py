"""The compose file starts the same processes with the same commands as the launcher, which the tests run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from qflethics.launcher.platform import Ports, programs

SERVICES = yaml.safe_load((Path(__file__).parents[2] / "docker" / "compose.yaml").read_text())["services"]
# The part of a command that says what runs; hosts, ports and worker counts differ by place.
ESSENCE = {
    "sequencer": ["manage.py", "run_sequencer"],
    "inbox": ["manage.py", "run_inbox"],
    "gate": ["manage.py", "run_gate"],
    "flare": ["manage.py", "run_flare"],
    "monitor": ["manage.py", "run_monitor"],
    "reaper": ["manage.py", "run_reaper"],
    "anchor": ["manage.py", "run_anchor"],
    "coordinator": ["celery", "-A", "qflethics.celery", "worker"],
    "beat": ["celery", "-A", "qflethics.celery", "beat"],
    "web": ["granian", "qflethics.wsgi:application"],
    "live": ["uvicorn", "qflethics.asgi:application"],
    "site-north": ["federation.site"],
}


@pytest.fixture(autouse=True)
def _everything_on_demand_too(monkeypatch):
    monkeypatch.setenv("QFL_GATE_URL", "rediss://127.0.0.1:6380")
    monkeypatch.setenv("QFL_FLARE", "1")


@pytest.mark.parametrize("service", sorted(ESSENCE))
def test_each_process_starts_alike(service):
    launched = {p.name: p.argv for p in programs(ports=Ports(1, 2), sites={"north": Path("/none")})}[service]
    words = [Path(word).name if word.endswith("manage.py") else word for word in launched]
    for command in (words, SERVICES[service]["command"]):
        assert [word for word in command if word in ESSENCE[service]] == ESSENCE[service]


def test_no_process_of_the_launcher_is_missing(monkeypatch):
    launched = {p.name for p in programs(ports=Ports(1, 2), sites={"north": Path("/none")})}
    assert launched - {"flare-north"} == set(ESSENCE)  # FLARE's client runs at the hospital, on its own host
    assert launched - {"flare-north"} <= set(SERVICES)
    monkeypatch.delenv("QFL_GATE_URL")
    monkeypatch.delenv("QFL_FLARE")
    few = {p.name for p in programs(ports=Ports(1, 2), sites={"north": Path("/none")})}
    assert launched - few == {"gate", "flare", "flare-north"}
