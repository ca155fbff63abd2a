"""What an administrator hands to a hospital so that it can join: where to go, whom to trust, and one word that opens.

The token is the password of the site's broker user until the site has joined; joining replaces it, so it works once.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from federation.domain.messages import load_public

VERSION = 2  # 1: had no channel
SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}-[0-9a-f]{8}")
MAX_BYTES = 64 * 1024


class InvitationError(Exception):
    """A file that is no invitation, or one that cannot be used any more."""


@dataclass(frozen=True)
class Invitation:
    site: str
    channel: str  # names its queues and its broker user
    federation: str  # its name, to be read by people
    broker_url: str  # rediss://host:port, without a user
    ca: str  # PEM: who vouches for the broker
    certificate: str  # PEM: lets the site through the door until it has one of its own
    certificate_key: str  # PEM
    token: str
    coordinator_public_key: str
    witness_name: str
    log_keys: tuple[str, ...]
    expires_at: str  # ISO 8601 with an offset

    def as_text(self) -> str:
        """The file that is handed over."""
        return json.dumps({"v": VERSION, **asdict(self)}, indent=1)

    @classmethod
    def from_text(cls, text: str, *, now: datetime | None = None) -> Invitation:
        """Read an invitation.

        Parameters
        ----------
        text : str
            The content of the file.
        now : datetime, optional
            When it is to be used; the present by default.

        Raises
        ------
        InvitationError
            If it is malformed, of another version, or expired.
        """
        if len(text) > MAX_BYTES:
            raise InvitationError(f"expected an invitation of at most {MAX_BYTES} characters, got {len(text)}")
        try:
            found = cls._read(json.loads(text))
            expires = datetime.fromisoformat(found.expires_at)
            load_public(found.coordinator_public_key)
            if expires.tzinfo is None:
                raise ValueError("expires_at has no offset")
        except (ValueError, TypeError, AttributeError) as error:
            raise InvitationError(
                f"expected the file that an administrator's page handed out, got something else ({error}); "
                "save it again unchanged"
            ) from error
        if (now or datetime.now(UTC)) >= expires:
            raise InvitationError(f"the invitation ended at {found.expires_at}; ask the administrator for a new one")
        return found

    @classmethod
    def _read(cls, raw: dict[str, Any]) -> Invitation:
        raw = dict(raw)
        if (version := raw.pop("v", None)) != VERSION:
            raise ValueError(f"expected version {VERSION}, got {version!r}")
        found = cls(**{**raw, "log_keys": tuple(raw.get("log_keys", ()))})
        texts = [value for name, value in asdict(found).items() if name != "log_keys"]
        if not all(isinstance(text, str) for text in (*texts, *found.log_keys)):
            raise ValueError("expected texts")
        if not SITE.fullmatch(found.site):
            raise ValueError(f"not the code of a site: {found.site!r}")
        if not CHANNEL.fullmatch(found.channel):
            raise ValueError(f"not the name of a queue: {found.channel!r}")
        if not found.broker_url.startswith("rediss://"):
            raise ValueError(f"expected a broker behind rediss://, got {found.broker_url!r}")
        return found


def is_join(text: str) -> bool:
    """Whether a sealed message answers an invitation; seen at its beginning, for updates are long."""
    return '"kind": "join"' in text[:64]


def fingerprint(public_key: str) -> str:
    """Short enough to be read out on the telephone."""
    digest = hashlib.sha256(public_key.encode()).hexdigest()[:24]
    return " ".join(digest[start : start + 4] for start in range(0, 24, 4))
