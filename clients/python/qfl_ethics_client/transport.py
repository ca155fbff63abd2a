"""How the client speaks: one request, one answer, and problems as exceptions. Standard library alone."""

from __future__ import annotations

import json as _json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

from qfl_ethics_client import shapes

Row = TypeVar("Row")


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """What the platform answered instead (RFC 9457): `detail` says what was expected, what came and what to do."""

    def __init__(self, status: int, told: dict[str, Any]) -> None:
        self.status, self.told = status, told
        self.code = str(told.get("code", "error"))
        self.title = str(told.get("title", ""))
        self.detail = str(told.get("detail", f"The platform answered {status}."))
        super().__init__(f"{status} {self.code}: {self.detail}")

    @property
    def fields(self) -> dict[str, Any]:
        """Of invalid fields: what is wrong with each."""
        found = self.told.get("fields", {})
        return found if isinstance(found, dict) else {}

    @property
    def current(self) -> Any:
        """With 412: how the thing stands now, to put the own change on top of."""
        return self.told.get("current")


class Unchanged(Exception):  # noqa: N818 - an answer, and no error
    """304: nothing has changed since the tag in `if_none_match`."""


class Answer(dict[str, Any]):
    """A document as it came, with its tag: `answer.etag` for `if_match` and `if_none_match`."""

    etag: str = ""


@dataclass(frozen=True)
class Upload:
    """A file of a form."""

    name: str
    data: bytes
    media_type: str = "application/octet-stream"


def etag_of(answer: Mapping[str, object]) -> str:
    """The tag of what was read; empty if it had none."""
    return getattr(answer, "etag", "")


class Transport:
    """A connection to one platform, as one machine (`key`) or one person (`session` and `csrf_token`)."""

    def __init__(
        self, base_url: str, *, key: str = "", session: str = "", csrf_token: str = "", timeout: float = 60.0
    ) -> None:
        if urlsplit(base_url).scheme not in {"http", "https"}:
            raise ValueError(f"Expected an address that begins with http:// or https://, got {base_url!r}.")
        self.base_url, self.timeout = base_url.rstrip("/"), timeout
        self._usual = {"Accept": "application/json"}
        if key:
            self._usual["Authorization"] = f"Api-Key {key}"
        if session:
            self._usual["Cookie"] = f"sessionid={session}" + (f"; csrftoken={csrf_token}" if csrf_token else "")
            self._usual["X-CSRFToken"] = csrf_token
            self._usual["Referer"] = self.base_url + "/"
        self._opener = build_opener(HTTPCookieProcessor())

    # --- what methods are made of ------------------------------------------------------------------------------

    def ask(self, method: str, path: str, **sent: Any) -> Any:
        """A document."""
        data, headers = self._send(method, path, **sent)
        found = _json.loads(data) if data else None
        if not isinstance(found, dict):
            return found
        answer = Answer(found)
        answer.etag = headers.get("ETag", "")
        return answer

    def fetch(self, method: str, path: str, **sent: Any) -> bytes:
        """A file."""
        return self._send(method, path, **sent)[0]

    def pages(self, operation: Callable[..., shapes.Page[Row]], *arguments: Any, **query: Any) -> Iterator[Row]:
        """Every row of a list, page by page: `client.pages(client.runs_list, state="finished")`."""
        while True:
            page = operation(*arguments, **query)
            yield from page["results"]
            if page["next"] is None:
                return
            following = parse_qs(urlsplit(page["next"]).query)
            query |= {name: int(following[name][0]) for name in ("limit", "offset", "after") if name in following}

    @staticmethod
    def part(value: object) -> str:
        """A value as one part of an address."""
        return quote(str(value), safe="")

    # --- one request -------------------------------------------------------------------------------------------

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        json: Any = None,
        form: Mapping[str, str | Upload] | None = None,
    ) -> tuple[bytes, Any]:
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        address = f"{self.base_url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        sent = {**self._usual, **{name: value for name, value in (headers or {}).items() if value is not None}}
        body: bytes | None = None
        if form is not None:
            body, sent["Content-Type"] = _multipart(form)
        elif json is not None or method not in {"GET", "DELETE"}:
            body, sent["Content-Type"] = _json.dumps({} if json is None else json).encode(), "application/json"
        request = Request(address, data=body, headers=sent, method=method)  # noqa: S310 - the scheme is checked above
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return answer.read(), answer.headers
        except HTTPError as error:
            if error.code == 304:
                raise Unchanged from None
            raise Problem(error.code, _told(error.read())) from None


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [str(one) for one in value] if isinstance(value, list | tuple) else str(value)


def _told(data: bytes) -> dict[str, Any]:
    try:
        found = _json.loads(data)
    except ValueError:
        return {"detail": data[:500].decode(errors="replace")}
    return found if isinstance(found, dict) else {"detail": str(found)}


def _multipart(form: Mapping[str, str | Upload]) -> tuple[bytes, str]:
    edge = uuid.uuid4().hex
    parts = []
    for name, value in form.items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, Upload):
            head += f'; filename="{value.name}"\r\nContent-Type: {value.media_type}'
            data = value.data
        else:
            data = value.encode()
        parts.append(head.encode() + b"\r\n\r\n" + data + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
