"""The Dockerfile: stages, user, pins, nothing secret."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
LINES = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def test_every_base_is_pinned_or_an_earlier_stage() -> None:
    stages: list[str] = []
    for line in instructions("FROM"):
        base, _, stage = line.partition(" AS ")
        assert base == "python:3.11-slim-bookworm" or base in stages
        stages.append(stage)
    assert stages == ["build", "static", "flare-env", "runtime", "flare", ""]
    assert instructions("FROM")[-1] == "runtime"  # what is built when no target is named


def test_the_last_user_is_not_root() -> None:
    assert instructions("USER")[-1] == "10001:10001"
    after = LINES[LINES.index("USER 10001:10001") :]
    changed = [line for line in after if line.startswith(("RUN", "COPY", "ADD", "USER root"))]
    assert changed == ["COPY --from=flare-env /app/.venv-flare /app/.venv-flare"]  # of the image for FLARE, as root's


def test_torch_is_pinned_and_its_index_is_a_build_argument() -> None:
    assert "ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu" in LINES
    assert any('--index-url "${TORCH_INDEX_URL}" torch==2.13.0' in run for run in instructions("RUN"))


def test_qiskit_is_an_argument_of_the_build_and_off_unless_asked_for() -> None:
    assert "ARG HARDWARE=" in LINES
    assert any('[ -n "${HARDWARE}" ]' in run and "requirements-hardware.txt" in run for run in instructions("RUN"))


def test_static_files_are_collected() -> None:
    assert any("collectstatic --noinput" in run for run in instructions("RUN"))


def test_no_secret_is_set_in_the_image() -> None:
    for line in [*instructions("ENV"), *instructions("ARG")]:
        assert not re.search(r"SECRET|PASSWORD|TOKEN|DATABASE_URL|REDIS_URL", line)


def test_the_build_context_leaves_out_secrets_state_and_history() -> None:
    ignored = (ROOT / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {".git", ".venv", "var", "docker/secrets", "docker/backups", "**/.env"} <= set(ignored)


def test_the_licence_is_apache_2() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in licence
    assert "QFL-ETHICS contributors" in licence
