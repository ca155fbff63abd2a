"""The errors of the ledger's pure core.

`FormatError` says that bytes are not in the form they claim; `VerificationError` says that they are, and prove nothing.
Nobody has to catch anything else from a parser or a verifier of untrusted bytes.
"""

from __future__ import annotations


class LedgerError(Exception):
    """Base of everything the ledger's core refuses."""


class FormatError(LedgerError, ValueError):
    """Bytes or values are not in the expected form; the message says what was expected and what came."""


class CanonicalError(FormatError):
    """A value has no canonical JSON form. `path` names the offending member, e.g. ``$.metrics[2].auc``."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class VerificationError(LedgerError):
    """A well-formed proof or signature does not verify."""
