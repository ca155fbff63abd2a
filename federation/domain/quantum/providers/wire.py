"""HTTP to a provider: always with a time limit, never following a redirect, every refusal a typed error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from federation.domain.quantum.providers.errors import (
    AccessRefused,
    MalformedAnswer,
    NotFound,
    ProviderError,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)

TIMEOUT_SECONDS = (5.0, 30.0)  # to connect, and between two bytes of the answer
MAX_ANSWER_BYTES = 256 * 2**20
DEFAULT_WAIT_SECONDS = 60.0
MAX_WAIT_SECONDS = 3600.0
MESSAGE_CHARACTERS = 400


class Wire:
    """One provider's server.

    Parameters
    ----------
    device : str
        Named in every error.
    timeout : pair of float
        Seconds to connect and to wait for the answer.
    """

    def __init__(self, device: str, *, timeout: tuple[float, float] = TIMEOUT_SECONDS) -> None:
        self.device, self.timeout = device, timeout
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials from a .netrc, no proxy that nobody named

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Any = None, data: bytes | None = None,
        form: Mapping[str, str] | None = None, query: Any = None,
    ) -> bytes:  # fmt: skip
        """Send one request and return the body of a 2xx answer.

        Raises
        ------
        ProviderError
            One of the types of `errors`, by the status of the answer.
        """
        try:
            with self._session.request(
                method, url, headers=dict(headers), json=body, data=form if form is not None else data, params=query,
                timeout=self.timeout, allow_redirects=False, stream=True,
            ) as answer:  # fmt: skip
                content = self._read(answer)
        except requests.RequestException as error:  # without its text: that names the address with its signature
            raise self._unreachable(type(error).__name__) from None
        if not 200 <= answer.status_code < 300:
            raise self._refusal(answer.status_code, answer.headers, content)
        return content

    def _read(self, answer: requests.Response) -> bytes:
        """The body, as far as it is one that could be an answer."""
        content = bytearray()
        for piece in answer.iter_content(2**16):
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                raise self.malformed(f"at most {MAX_ANSWER_BYTES // 2**20} MiB", "more")
        return bytes(content)

    def parse(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError as error:
            raise self.malformed("JSON", repr(content[:60])) from error

    def malformed(self, expected: str, got: str) -> MalformedAnswer:
        return MalformedAnswer(
            self.device, expected=f"an answer with {expected}", got=got,
            remedy="The provider may have changed its format: compare its documentation with our client's version.",
        )  # fmt: skip

    def _unreachable(self, got: str, wait: float = DEFAULT_WAIT_SECONDS) -> Unreachable:
        error = Unreachable(
            self.device, expected="an answer of the provider", got=got,
            remedy="It is asked again by itself. If it stays so, see the provider's status page and our network.",
        )  # fmt: skip
        error.retry_after_seconds = wait
        return error

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes) -> ProviderError:
        got = f"status {status}: {_message(content)}"
        if status in {401, 403}:
            return AccessRefused(
                self.device, expected="that the credentials are accepted", got=got,
                remedy="Renew the key in the worker's environment, and check that it may use this machine.",
            )  # fmt: skip
        if status == 404:
            return NotFound(
                self.device, expected="that the provider knows the job and the machine", got=got,
                remedy="Check the names in the worker's environment; an old job may have been deleted there.",
            )  # fmt: skip
        if status == 429:
            limited = TooManyRequests(
                self.device, expected="to be within the provider's limit of requests", got=got,
                remedy="It is asked again after the time that the provider named.",
            )  # fmt: skip
            limited.retry_after_seconds = wait_of(headers.get("Retry-After"))
            return limited
        if status >= 500 or status in {408, 425}:  # these two ask for the same once more
            return self._unreachable(got, wait_of(headers.get("Retry-After")))
        refused = RequestRefused(
            self.device, expected="that the request is accepted", got=got,
            remedy="Read the provider's message; the same request will be refused again.",
        )  # fmt: skip
        refused.status = status
        return refused


def wait_of(header: str | None, *, now: datetime | None = None) -> float:
    """Seconds to wait, from a Retry-After header in either of its two forms; 60 if it says nothing sensible."""
    if not header:
        return DEFAULT_WAIT_SECONDS
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError):
            return DEFAULT_WAIT_SECONDS
    return min(MAX_WAIT_SECONDS, max(1.0, seconds)) if seconds == seconds else DEFAULT_WAIT_SECONDS


def checked_url(device: str, url: str) -> str:
    """The base address without a slash at its end. Secrets go there, so it is https, or this machine.

    An address may itself hold a signature or a password, so a refusal tells no more than its scheme and host.
    """
    parts = urlsplit(url)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise RequestRefused(
            device, expected="an address that starts with https://",
            got=f"{parts.scheme or 'no scheme'}://{parts.hostname or ''}",
            remedy="Correct the address in the worker's environment.",
        )  # fmt: skip
    return url.rstrip("/")


def _message(content: bytes) -> str:
    """The provider's own words, out of the forms in which the two of them wrap an error."""
    try:
        found = json.loads(content)
    except ValueError:
        return "no readable message"
    if isinstance(found, dict):
        errors = found.get("errors")
        inner = errors[0] if isinstance(errors, list) and errors else found.get("error", found)
        if isinstance(inner, dict):
            words = [inner.get(key) for key in ("message", "solution")]
            found = " ".join(word for word in words if isinstance(word, str)) or "no message"
    return str(found)[:MESSAGE_CHARACTERS]
