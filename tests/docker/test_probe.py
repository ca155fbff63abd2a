"""The container's health probe against a real local server."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PROBE = Path(__file__).parents[2] / "docker" / "probe.py"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status its path names, and 421 where the probe does not look like the proxy."""

    def do_GET(self) -> None:
        proxied = self.headers["Host"] == "audit.example" and self.headers["X-Forwarded-Proto"] == "https"
        self.send_response(int(self.path.strip("/")) if proxied else 421)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def probe(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROBE), *arguments]
    environment = {"ALLOWED_HOSTS": "audit.example, other.example", **env}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("mode", "status", "expected"),
    [
        ("http", 200, 0),
        ("http", 302, 1),
        ("http", 404, 1),
        ("http", 503, 1),
        ("alive", 404, 0),
        ("alive", 500, 1),
    ],
)
def test_the_status_decides(server: str, mode: str, status: int, expected: int) -> None:
    result = probe(mode, f"{server}/{status}")
    assert result.returncode == expected
    assert expected == 0 or f"status {status}" in result.stderr


def test_a_closed_port_is_unhealthy() -> None:
    result = probe("http", "http://127.0.0.1:1/")
    assert result.returncode == 1
    assert "unhealthy: ConnectionRefusedError" in result.stderr


def test_a_site_is_unhealthy_while_its_broker_is_away(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text(json.dumps({"redis_url": "redis://127.0.0.1:1/0"}))
    result = probe("site", SITE_HOME=str(tmp_path), SITE_REDIS_URL="")
    assert result.returncode == 1
    assert "ConnectionError" in result.stderr


def test_a_site_without_a_folder_is_unhealthy() -> None:
    assert "SITE_HOME" in probe("site").stderr


def test_a_wrong_call_shows_the_usage() -> None:
    result = probe("everything")
    assert result.returncode == 2
    assert "probe.py http URL" in result.stderr
