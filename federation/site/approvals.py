"""What the institution has signed at its own site. The worker does nothing for a configuration that is not here.

The coordinator can ask, and no more: an approval is a file in the site's folder, signed with the site's key, which only
somebody at the site can write. Whatever the platform says of the institution's consent changes nothing here.

asked/<hash>.json   configurations that orders have named, to be read before they are approved
signed/<hash>.json  the statements on one, each signed, the last one in force
used/<hash>         those that the site has trained for
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from federation.domain.code_version import code_version
from federation.domain.messages import canonical
from federation.domain.run_config import RunConfig
from federation.domain.terms import Terms
from provenance.witness.state import write_whole

_CONTEXT = b"qfl-ethics/site-approval/v1"
_HEX = frozenset("0123456789abcdef")
DAYS_WITHOUT_TERMS = 365  # of runs from before there were terms
APPROVED, WITHDRAWN = "approved", "withdrawn"


class ApprovalError(Exception):
    """What is not approved here, or cannot be. The message says what was expected, what is here and what to do."""


@dataclass(frozen=True)
class Statement:
    """One decision of the institution on one configuration.

    Attributes
    ----------
    config_hash : str
    decision : "approved" or "withdrawn"
    operator, officer : str
        Who answers for it: two people of the institution, by names that mean something there. They never leave it.
    reason : str
    until : str
        The last day on which the worker works for the run, YYYY-MM-DD.
    code_version : str
        Of the code at the site when it was signed; only that code trains.
    at : str
        When, ISO 8601 in UTC.
    """

    config_hash: str
    decision: str
    operator: str
    officer: str
    reason: str
    until: str
    code_version: str
    at: str

    @property
    def public(self) -> dict[str, str]:
        """What may leave the site: what was decided, until when and for which code; who decided and why stays here."""
        return {name: getattr(self, name) for name in ("config_hash", "decision", "until", "code_version", "at")}


class Approvals:
    """The institution's statements, in a folder of its own."""

    def __init__(self, folder: Path, key: MLDSA65PrivateKey) -> None:
        self._asked, self._signed, self._used = folder / "asked", folder / "signed", folder / "used"
        self._key = key

    # --- what is asked ---------------------------------------------------------------------------------------------

    def keep_asked(self, config: RunConfig) -> None:
        """Keep a configuration that somebody at the site may read and approve."""
        path = self._asked / f"{config.hash}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, canonical(config.as_dict()))

    def asked(self, config_hash: str) -> RunConfig:
        """The configuration of that hash, which is computed again from what is kept."""
        try:
            config = RunConfig.from_dict(json.loads((self._asked / f"{config_hash}.json").read_text()))
        except FileNotFoundError:
            raise ApprovalError(
                f"expected a configuration that this site was asked for, got {config_hash}; `consent list` shows them"
            ) from None
        if config.hash != config_hash:
            raise ApprovalError(f"the file of {config_hash} holds the configuration {config.hash}; delete it")
        return config

    def mark_used(self, config_hash: str) -> None:
        """The site has trained for it: who opts out later has to be told to those who hold the weights."""
        self._used.mkdir(parents=True, exist_ok=True)
        (self._used / config_hash).touch()

    def used(self) -> list[str]:
        return sorted(path.name for path in self._used.glob("*"))

    def hashes(self) -> list[str]:
        return sorted(path.stem for path in self._asked.glob("*.json"))

    def find(self, beginning: str) -> str:
        """The one hash that begins so."""
        found = [name for name in self.hashes() if name.startswith(beginning)]
        if len(beginning) < 8 or not set(beginning) <= _HEX or len(found) != 1:
            raise ApprovalError(
                f"expected at least 8 hexadecimal digits that begin one hash, got {beginning!r}, which fits "
                f"{len(found)}; `consent list` shows them"
            )
        return found[0]

    # --- what is signed --------------------------------------------------------------------------------------------

    def approve(
        self, config_hash: str, *, operator: str, officer: str, today: date, until: date | None = None,
        other_code: bool = False,
    ) -> Statement:  # fmt: skip
        """Sign that the worker may work for a configuration. Two people answer for it.

        `other_code` allows the site's code to differ from the one that the terms name.
        """
        config = self.asked(config_hash)
        if not operator.strip() or not officer.strip() or operator.strip().casefold() == officer.strip().casefold():
            raise ApprovalError(
                "expected the names of two people, the site's operator and an ethics officer; one alone cannot approve"
            )
        last = until or today + timedelta(days=DAYS_WITHOUT_TERMS)
        if config.terms is not None:
            terms = Terms.from_dict(config.terms)
            last = min(until or terms.expires_on, terms.expires_on)
            if terms.code_version != code_version() and not other_code:
                raise ApprovalError(
                    f"the terms name the code {terms.code_version}, this site has {code_version()}; install that "
                    "version, or approve with --other-code what you have looked at"
                )
        if last < today:
            raise ApprovalError(f"expected a last day from {today} on, got {last}; a new run must be proposed")
        return self._sign(config_hash, APPROVED, operator.strip(), officer.strip(), "", last)

    def withdraw(self, config_hash: str, *, by: str, reason: str) -> Statement:
        """Sign that the worker works for a configuration no more. One person is enough to stop."""
        before = self.latest(config_hash)
        if before is None or before.decision != APPROVED:
            raise ApprovalError(f"expected an approval of {config_hash} to withdraw, found none")
        if not by.strip() or not reason.strip():
            raise ApprovalError("expected the name of who withdraws and a reason: they stay in the site's record")
        return self._sign(config_hash, WITHDRAWN, by.strip(), "", reason.strip(), date.fromisoformat(before.until))

    def latest(self, config_hash: str) -> Statement | None:
        """The statement in force, its signature checked; None if there was none."""
        kept = self._read(config_hash)
        return self._opened(kept[-1], config_hash) if kept else None

    def signature(self, config_hash: str) -> str:
        """Of the statement in force, base64."""
        return self._read(config_hash)[-1]["signature"]

    def require(self, config: RunConfig, *, training: bool, today: date) -> None:
        """Raise ApprovalError unless the institution has approved this, for today, and (to train) for this code.

        What is not approved is kept, so that it can be read at the site.
        """
        found = self.latest(config.hash)
        if found is None:
            self.keep_asked(config)
            raise ApprovalError(
                f"this institution has not approved {config.hash} at its site; its operator reads it with "
                f"`python -m federation.site consent show {config.hash[:12]}` and approves it there"
            )
        if found.decision != APPROVED:
            raise ApprovalError(f"this institution withdrew its approval of {config.hash} at its site")
        if today > date.fromisoformat(found.until):
            raise ApprovalError(f"the approval of {config.hash} at this site ended on {found.until}; propose a new run")
        if training and found.code_version != code_version():
            raise ApprovalError(
                f"this institution approved training by the code {found.code_version[:12]}, its worker now runs "
                f"{code_version()[:12]}; its operator approves it anew at the site"
            )

    def _sign(
        self, config_hash: str, decision: str, operator: str, officer: str, reason: str, until: date
    ) -> Statement:
        statement = Statement(
            config_hash, decision, operator, officer, reason, until.isoformat(), code_version(),
            datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        signature = self._key.sign(canonical(asdict(statement)), _CONTEXT)
        signed = {"statement": asdict(statement), "signature": base64.b64encode(signature).decode()}
        self._signed.mkdir(parents=True, exist_ok=True)
        write_whole(self._signed / f"{config_hash}.json", canonical([*self._read(config_hash), signed]))
        return statement

    def _read(self, config_hash: str) -> list[dict[str, Any]]:
        if len(config_hash) != 64 or not set(config_hash) <= _HEX:  # it names a file
            raise ApprovalError(f"expected a hash of 64 hexadecimal digits, got {config_hash!r}")
        path = self._signed / f"{config_hash}.json"
        return json.loads(path.read_text()) if path.exists() else []

    def _opened(self, signed: Mapping[str, Any], config_hash: str) -> Statement:
        try:
            statement = Statement(**signed["statement"])
            signature = base64.b64decode(signed["signature"], validate=True)
            self._key.public_key().verify(signature, canonical(asdict(statement)), _CONTEXT)
        except (InvalidSignature, ValueError, KeyError, TypeError):
            statement = None
        if statement is None or statement.config_hash != config_hash:
            raise ApprovalError(
                f"the site's file on {config_hash} is not signed by its key; the operator approves anew"
            )
        return statement
