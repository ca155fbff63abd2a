"""A simulated key-management entity: what ETSI GS QKD 014 hands out, from keys of the BB84 simulation.

One object stands for the KMEs at both ends of each link, which a real pair would keep in step over the quantum channel.
Every answer says that it is simulated.
"""

from __future__ import annotations

import base64
import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from federation.domain.quantum.qkd import bb84

NAME = "SIMULATED-KME"
KEY_SIZE, MIN_KEY_SIZE, MAX_KEY_SIZE = 256, 128, 1024  # bits
MAX_KEYS, MAX_KEYS_PER_REQUEST, MAX_WAITING = 1000, 32, 1000


class Refused(Exception):
    """An answer other than 200, with its status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def fresh_rng() -> np.random.Generator:
    return np.random.default_rng(secrets.randbits(256))


@dataclass
class _Link:
    """Key material between two SAEs: what is in store, and what one of them took and the other has yet to fetch."""

    store: bytearray = field(default_factory=bytearray)
    waiting: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)  # id -> master, slave, key
    last: bb84.Session | None = None


class SimulatedEntity:
    """Status, keys for one side, the same keys for the other.

    Parameters
    ----------
    saes : the identities that may ask, as their certificates name them
    channel : of every link
    pulses : of one session of the protocol; a session is run when the store cannot serve a request
    rng : makes the generator of a session
    """

    def __init__(
        self,
        saes: frozenset[str],
        channel: bb84.Channel,
        *,
        pulses: int = 1 << 17,
        rng: Callable[[], np.random.Generator] = fresh_rng,
    ) -> None:
        self.saes, self.channel, self.pulses = saes, channel, pulses
        self._rng = rng
        self._links: dict[frozenset[str], _Link] = {}
        self._lock = threading.Lock()

    def status(self, caller: str, peer: str) -> dict[str, Any]:
        with self._lock:
            link = self._link(caller, peer)
            if link.last is None:
                self._fill(link)
            assert link.last is not None
            return {
                "source_KME_ID": NAME, "target_KME_ID": NAME, "master_SAE_ID": caller, "slave_SAE_ID": peer,
                "key_size": KEY_SIZE, "stored_key_count": min(MAX_KEYS, len(link.store) * 8 // KEY_SIZE),
                "max_key_count": MAX_KEYS, "max_key_per_request": MAX_KEYS_PER_REQUEST, "max_key_size": MAX_KEY_SIZE,
                "min_key_size": MIN_KEY_SIZE, "max_SAE_ID_count": 0, "status_extension": figures(link.last),
            }  # fmt: skip

    def enc_keys(self, caller: str, peer: str, *, number: int = 1, size: int = KEY_SIZE) -> dict[str, Any]:
        if not 1 <= number <= MAX_KEYS_PER_REQUEST:
            raise Refused(400, f"number shall be 1 to {MAX_KEYS_PER_REQUEST}")
        if size % 8:
            raise Refused(400, "size shall be a multiple of 8")
        if not MIN_KEY_SIZE <= size <= MAX_KEY_SIZE:
            raise Refused(400, f"size shall be {MIN_KEY_SIZE} to {MAX_KEY_SIZE}")
        with self._lock:
            link = self._link(caller, peer)
            if len(link.store) * 8 < number * size:
                self._fill(link)
            if len(link.store) * 8 < number * size:
                raise Refused(503, f"not enough key on the simulated link: {link.last.refusal if link.last else ''}")
            return _container([self._take(link, caller, peer, size // 8) for _ in range(number)])

    def dec_keys(self, caller: str, peer: str, ids: list[str]) -> dict[str, Any]:
        if not 1 <= len(ids) <= MAX_KEYS_PER_REQUEST:
            raise Refused(400, f"key_IDs shall be 1 to {MAX_KEYS_PER_REQUEST}")
        with self._lock:
            link = self._link(caller, peer)
            if any(link.waiting.get(name, ("", "", b""))[:2] != (peer, caller) for name in ids):
                raise Refused(400, "one or more keys specified are not found on KME")
            return _container([(name, link.waiting.pop(name)[2]) for name in dict.fromkeys(ids)])

    def _link(self, caller: str, peer: str) -> _Link:
        if caller not in self.saes or peer not in self.saes or caller == peer:
            raise Refused(401, f"{caller!r} may not have keys with {peer!r}")
        return self._links.setdefault(frozenset((caller, peer)), _Link())

    def _fill(self, link: _Link) -> None:
        link.last = bb84.run(self.channel, rng=self._rng(), pulses=self.pulses)
        room = MAX_KEYS * KEY_SIZE // 8 - len(link.store)
        link.store += link.last.key[: max(0, room)]

    def _take(self, link: _Link, master: str, slave: str, size: int) -> tuple[str, bytes]:
        """Cut a key off the store and keep it for the other side; what nobody fetches is dropped, the oldest first."""
        key, name = bytes(link.store[:size]), str(uuid.uuid4())
        del link.store[:size]
        link.waiting[name] = (master, slave, key)
        while len(link.waiting) > MAX_WAITING:
            link.waiting.pop(next(iter(link.waiting)))
        return name, key


def figures(session: bb84.Session) -> dict[str, Any]:
    """What may be said of a session in public: figures, and no bit of the key."""
    return {
        "simulated": True,
        "qber": session.qber,
        "qber_upper": session.qber_upper,
        "sample": session.sample,
        "sample_errors": session.sample_errors,
        "key_positions": session.key_positions,
        "leaked": session.leaked,
        "secure_bits": session.secure_bits,
        "rate": session.rate,
        "refusal": session.refusal,
    }


def _container(keys: list[tuple[str, bytes]]) -> dict[str, Any]:
    return {
        "keys": [
            {"key_ID": name, "key": base64.b64encode(key).decode(), "key_extension": {"simulated": True}}
            for name, key in keys
        ],
        "key_container_extension": {"simulated": True},
    }
