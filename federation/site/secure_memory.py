"""What a site keeps of a masked run in its folder, under ``secure/<run>``, and does not answer twice differently."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from federation.domain.messages import Message, canonical
from federation.site.handlers import OrderRefused, Site
from provenance.witness.state import write_whole


class Memory:
    """What the site keeps of one run."""

    def __init__(self, site: Site, order: Message) -> None:
        run = hashlib.sha256(str(order.body["run"]).encode()).hexdigest()[:32]
        self.folder = site.home.folder / "secure" / run
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o700)

    def random(self, name: str, length: int = 32) -> bytes:
        """Drawn once, then the same."""
        path = self.folder / name
        if not path.exists():
            write_whole(path, secrets.token_bytes(length))
        return path.read_bytes()

    def read(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        write_whole(self.folder / f"{name}.json", canonical(value))

    def once(self, name: str, question: Mapping[str, Any]) -> None:
        """Refuse a second, different question of this name."""
        asked = self.read(name)
        if asked and asked != json.loads(canonical(question)):
            raise OrderRefused(
                f"{name}: this was asked before of other sites; answering both could show an update, so it is refused"
            )
        self.write(name, question)

    def vector(self, name: str, size: int) -> np.ndarray:
        path = self.folder / name
        found = np.frombuffer(path.read_bytes(), dtype="<f4") if path.exists() else np.zeros(size, dtype=np.float32)
        return found if found.shape == (size,) else np.zeros(size, dtype=np.float32)

    def settle(self, number: int) -> None:
        """The update of a round was counted: what was sent of it is no longer owed."""
        offer = self.path(f"offer-{number}")
        if offer.exists():
            offer.replace(self.path("owed"))

    def path(self, name: str) -> Path:
        return self.folder / name
