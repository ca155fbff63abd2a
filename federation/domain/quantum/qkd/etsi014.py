"""Client of a key-management entity (KME) that speaks ETSI GS QKD 014 V1.1.1: JSON over HTTPS with client certificates.

The hospital's worker is the secure application entity (SAE); its identity is its certificate. The one that begins asks
its own KME for keys (`enc_keys`) and tells the other side their ids; the other side fetches the same keys from its own
KME (`dec_keys`). A KME hands a key out once to either side.

References
----------
.. [1] ETSI GS QKD 014 V1.1.1, "Protocol and data format of REST-based key delivery API", 2019.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import ssl
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from federation.domain.quantum.qkd.errors import (
    QkdBadRequest,
    QkdLimit,
    QkdProtocolError,
    QkdUnauthorised,
    QkdUnavailable,
    QkdUnreachable,
)

MAX_ANSWER_BYTES = 1 << 20
REFUSALS = {400: QkdBadRequest, 401: QkdUnauthorised, 503: QkdUnavailable}


@dataclass(frozen=True)
class KmeAccess:
    """Where the KME is and who we are: `https` address, its certificate authority, our certificate and its key."""

    url: str
    authority: Path
    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"expected the KME's address as https://host[:port], got {self.url!r}")


@dataclass(frozen=True)
class KmeStatus:
    """What the KME says of the link to one peer (§6.1); sizes in bits."""

    source_kme: str
    target_kme: str
    master_sae: str
    slave_sae: str
    key_size: int
    stored_keys: int
    max_keys: int
    max_keys_per_request: int
    min_key_size: int
    max_key_size: int
    extension: dict[str, Any]

    @property
    def simulated(self) -> bool:
        """Whether the keys come from a simulation, and so protect nothing."""
        return self.extension.get("simulated") is True


@dataclass(frozen=True)
class QkdKey:
    """One key with the id by which the other side fetches it."""

    id: str
    value: bytes = field(repr=False)
    simulated: bool = False


class Etsi014Client:
    """Asks one KME. Every refusal, fault and timeout is a `QkdError` of its own kind; nothing is tried twice."""

    def __init__(self, access: KmeAccess, *, timeout_seconds: float = 5.0) -> None:
        self._host = urlsplit(access.url)
        self._timeout = timeout_seconds
        try:
            self._tls = ssl.create_default_context(cafile=str(access.authority))
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
            self._tls.load_cert_chain(access.certificate, access.key)
        except (OSError, ssl.SSLError) as error:
            raise QkdUnreachable(f"the certificates for the KME cannot be read: {error}") from error

    def status(self, peer: str) -> KmeStatus:
        """How the link to the peer's SAE is."""
        raw = self._ask("GET", peer, "status")
        extension = raw.get("status_extension") or {}
        if not isinstance(extension, dict):
            raise QkdProtocolError(f"expected status_extension to be an object, got {type(extension).__name__}")
        return KmeStatus(
            source_kme=_text(raw, "source_KME_ID"),
            target_kme=_text(raw, "target_KME_ID"),
            master_sae=_text(raw, "master_SAE_ID"),
            slave_sae=_text(raw, "slave_SAE_ID"),
            key_size=_whole(raw, "key_size"),
            stored_keys=_whole(raw, "stored_key_count"),
            max_keys=_whole(raw, "max_key_count"),
            max_keys_per_request=_whole(raw, "max_key_per_request"),
            min_key_size=_whole(raw, "min_key_size"),
            max_key_size=_whole(raw, "max_key_size"),
            extension=extension,
        )

    def enc_keys(
        self, slave: str, *, number: int = 1, size: int = 256, limits: KmeStatus | None = None
    ) -> list[QkdKey]:
        """Fresh keys to share with `slave`, `size` bits each; refused here if `limits` says that the KME would."""
        if size % 8 or size <= 0:
            raise QkdLimit(f"expected a key size that is a multiple of 8 bits, got {size}")
        if number < 1:
            raise QkdLimit(f"expected 1 key or more, got {number}")
        if limits is not None and number > limits.max_keys_per_request:
            raise QkdLimit(f"expected at most {limits.max_keys_per_request} keys a request, got {number}")
        if limits is not None and not limits.min_key_size <= size <= limits.max_key_size:
            raise QkdLimit(f"expected keys of {limits.min_key_size} to {limits.max_key_size} bits, got {size}")
        keys = _keys(self._ask("POST", slave, "enc_keys", {"number": number, "size": size}))
        if len(keys) != number or any(len(key.value) * 8 != size for key in keys):
            got = sorted({len(key.value) * 8 for key in keys})
            raise QkdProtocolError(f"expected {number} keys of {size} bits, got {len(keys)} of {got}")
        return keys

    def dec_keys(self, master: str, ids: Sequence[str]) -> list[QkdKey]:
        """The keys that `master` took under these ids, in their order."""
        if not ids:
            raise QkdLimit("expected at least one key id, got none")
        try:
            wanted = [str(uuid.UUID(name)) for name in ids]
        except ValueError as error:
            raise QkdLimit(f"expected key ids that are UUIDs, got {list(ids)[:3]}") from error
        body = {"key_IDs": [{"key_ID": name} for name in wanted]}
        found = {key.id: key for key in _keys(self._ask("POST", master, "dec_keys", body))}
        if set(found) != set(wanted):
            raise QkdProtocolError(f"asked for {len(ids)} keys by id, got {len(found)} that are not the same")
        return [found[name] for name in wanted]

    def _ask(self, method: str, peer: str, what: str, body: dict | None = None) -> dict[str, Any]:
        connection = http.client.HTTPSConnection(
            self._host.hostname or "", self._host.port or 443, timeout=self._timeout, context=self._tls
        )
        path = f"{self._host.path.rstrip('/')}/api/v1/keys/{quote(peer, safe='')}/{what}"
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            data = answer.read(MAX_ANSWER_BYTES + 1)
        except TimeoutError as error:
            raise QkdUnreachable(f"the KME did not answer within {self._timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise QkdUnreachable(f"the KME cannot be reached: {error}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise REFUSALS.get(answer.status, QkdProtocolError)(f"the KME answered {answer.status}: {_reason(data)}")
        return _object(data)


def _reason(data: bytes) -> str:
    try:
        return str(_object(data)["message"])[:500]
    except (QkdProtocolError, KeyError):
        return "without a reason that can be read"


def _object(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_ANSWER_BYTES:
        raise QkdProtocolError(f"expected an answer of at most {MAX_ANSWER_BYTES} bytes, got more")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise QkdProtocolError(f"expected JSON from the KME, got {data[:60]!r}") from error
    if not isinstance(raw, dict):
        raise QkdProtocolError(f"expected a JSON object from the KME, got {type(raw).__name__}")
    return raw


def _keys(raw: dict[str, Any]) -> list[QkdKey]:
    """The key container (§6.3)."""
    entries = raw.get("keys")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise QkdProtocolError("expected a list of keys from the KME, got none")
    out = []
    for entry in entries:
        try:
            name = str(uuid.UUID(_text(entry, "key_ID")))
            value = base64.b64decode(_text(entry, "key"), validate=True)
        except (ValueError, binascii.Error) as error:
            raise QkdProtocolError("expected a UUID and a key in base64, got something else") from error
        extension = entry.get("key_extension")
        out.append(QkdKey(name, value, isinstance(extension, dict) and extension.get("simulated") is True))
    if len({key.id for key in out}) < len(out):
        raise QkdProtocolError("expected different key ids, got one twice")
    return out


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise QkdProtocolError(f"expected {name} to be text, got {type(value).__name__}")
    return value


def _whole(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name)
    if type(value) is not int or value < 0:
        raise QkdProtocolError(f"expected {name} to be a whole number of 0 or more, got {value!r}")
    return value
