"""The site's own folder: its key, whom it trusts, where its data lie, what it has answered. Nobody else reads it."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

from federation.domain import messages
from federation.site.approvals import Approvals
from federation.site.opt_outs import OptOuts
from provenance.witness.state import write_whole


@dataclass(frozen=True)
class SiteConfig:
    site: str
    data: str  # spec of federation.domain.data, e.g. heart:/srv/data; never leaves the site
    coordinator_public_key: str
    redis_url: str  # "": this site works over NVIDIA FLARE alone
    witness_name: str = ""  # what the site is called under the log's checkpoints
    log_keys: tuple[str, ...] = ()  # the log's verifier keys, pinned when the site first witnesses
    overlays: bool = False  # may drawings of its images go to its own people on the platform: open data only
    watts: float | None = None  # of one busy core, as the operator declares it; for estimates of energy
    summary_epsilon: float = 0.0  # what noised summaries and scores together may spend of each patient; 0: none
    channel: str = ""  # names its queues and its broker user; "" (an older folder): its code alone

    @property
    def queue(self) -> str:
        return self.channel or self.site


class SiteHome:
    """Files under one private folder.

    site.json config · key ML-DSA-65 seed · noise secret of differential privacy · sealing ML-KEM-768 seed
    secure/ what it has agreed and answered under secure aggregation (federation.site.secure)
    answers/ what was sent, by order · summaries.json what noised summaries have spent
    memory/ what aggregation rules keep here between rounds
    witness/ what the site has cosigned of the log, and the keys it does that with (provenance.witness.state)
    approvals/ what the institution has signed here · opt-outs.json patients who are left out · outbox/ yet to be sent
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, config: SiteConfig) -> SiteHome:
        """Set up or update the folder; an existing key stays."""
        home = cls(folder)
        (folder / "answers").mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        write_whole(folder / "site.json", json.dumps(asdict(config), indent=1).encode())
        for name, value in (("key", messages.dump_private(messages.new_key())), ("noise", secrets.token_bytes(32))):
            if not (folder / name).exists():
                write_whole(folder / name, value)
        return home

    @property
    def config(self) -> SiteConfig:
        kept = json.loads((self.folder / "site.json").read_text())
        stored = SiteConfig(**{**kept, "log_keys": tuple(kept.get("log_keys", ()))})
        given = os.environ.get("SITE_REDIS_URL")  # a container is told where its broker is
        if given:
            stored = replace(stored, redis_url=given)
        return replace(
            stored,
            overlays=_switch(stored.overlays),
            watts=_number("SITE_WATTS", stored.watts, below=10_000, remedy="leave it out if it is not known"),
            summary_epsilon=_number(
                "SITE_SUMMARY_EPSILON", stored.summary_epsilon, below=100, remedy="leave it out to let none out"
            ),
        )

    @property
    def key(self) -> MLDSA65PrivateKey:
        return messages.load_private((self.folder / "key").read_bytes())

    @property
    def approvals(self) -> Approvals:
        return Approvals(self.folder / "approvals", self.key)

    @property
    def opt_outs(self) -> OptOuts:
        return OptOuts(self.folder)

    @property
    def sealing_seed(self) -> bytes:
        """Of the site's ML-KEM-768 key; made when first asked for, as older folders have none."""
        path = self.folder / "sealing"
        if not path.exists():
            write_whole(path, secrets.token_bytes(64))
        return path.read_bytes()

    @property
    def sealing_key(self) -> str:
        """The public half, base64."""
        key = MLKEM768PrivateKey.from_seed_bytes(self.sealing_seed).public_key()
        return base64.b64encode(key.public_bytes_raw()).decode()

    def secret_seed(self, purpose: str) -> int:
        """A seed that only this site can know; the same for the same purpose, so a repeated round is the same round."""
        secret = (self.folder / "noise").read_bytes()
        return int.from_bytes(hashlib.blake2b(purpose.encode(), key=secret, digest_size=16).digest(), "big")

    def remembered(self, of: str) -> bytes | None:
        """What a strategy keeps at the site between rounds, by run, round and model; it never leaves."""
        path = self._memory_path(of)
        return path.read_bytes() if path.exists() else None

    def remember(self, of: str, data: bytes) -> None:
        self._memory_path(of).parent.mkdir(exist_ok=True)
        write_whole(self._memory_path(of), data)

    def _memory_path(self, of: str) -> Path:
        return self.folder / "memory" / hashlib.sha256(of.encode()).hexdigest()

    def answer(self, key: str) -> str | None:
        path = self._answer_path(key)
        return path.read_text() if path.exists() else None

    def keep_answer(self, key: str, text: str) -> None:
        write_whole(self._answer_path(key), text.encode())

    def _answer_path(self, key: str) -> Path:
        return self.folder / "answers" / hashlib.sha256(key.encode()).hexdigest()


def _switch(stored: bool) -> bool:
    """SITE_OVERLAYS on or off; anything else than a plain yes is a no."""
    given = os.environ.get("SITE_OVERLAYS", "").strip().lower()
    return stored if not given else given in {"1", "on", "true", "yes"}


def _number(name: str, stored: Any, *, below: int, remedy: str) -> Any:
    """What the environment says instead of what is kept."""
    given = os.environ.get(name, "").strip()
    if not given:
        return stored
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 < number < below:
        raise ValueError(f"expected {name} over 0 and under {below}, got {given!r}; {remedy}")
    return number
