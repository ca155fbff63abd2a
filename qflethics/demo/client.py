"""A person at the API: signs in as the browser does, then speaks JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests


class Refused(Exception):
    """The platform said no; `status` and `answer` hold what it said."""

    def __init__(self, method: str, path: str, status: int, answer: Any) -> None:
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        super().__init__(f"{method} {path}: {status}: {message}")
        self.status, self.answer = status, answer


class Client:
    """One signed-in person."""

    def __init__(self, base: str, email: str, password: str) -> None:
        self.base, self.email = base, email
        self.http = requests.Session()
        page = self.http.get(f"{base}/login/", timeout=30)
        page.raise_for_status()
        token = self.http.cookies["csrftoken"]
        answer = self.http.post(
            f"{base}/login/", data={"username": email, "password": password, "csrfmiddlewaretoken": token},
            headers={"Referer": f"{base}/login/"}, timeout=30, allow_redirects=False,
        )  # fmt: skip
        if answer.status_code != 302:
            raise Refused("POST", "/login/", answer.status_code, f"{email} could not sign in")

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._call("POST", path, json=body or {})

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("PUT", path, json=body)

    def download(self, path: str) -> bytes:
        answer = self.http.get(self.base + path, timeout=60)
        if not answer.ok:
            raise Refused("GET", path, answer.status_code, answer.text[:300])
        return answer.content

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        headers = {"X-CSRFToken": self.http.cookies.get("csrftoken") or "", "Referer": self.base}
        answer = self.http.request(method, f"{self.base}/api/v1{path}", headers=headers, timeout=120, **arguments)
        try:
            content = answer.json()
        except ValueError:
            content = answer.text[:300]
        if not answer.ok:
            raise Refused(method, path, answer.status_code, content)
        return content


def wait_until(look: Callable[[], Any], *, what: str, seconds: float) -> Any:
    """Repeat `look` until it returns something true; raise TimeoutError naming what was awaited."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None and found is not False:
            return found
        time.sleep(0.4)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")
