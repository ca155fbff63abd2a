"""What was checked and how it came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    VERIFIED = "verified"  # checked, and true
    FALSE = "false"  # checked, and not so: tampering or contradiction
    UNCHECKED = "unchecked"  # asked for, and could not be checked
    OPEN = "open"  # not part of what was asked: said so that nobody takes it for checked


class Unreadable(Exception):
    """The input cannot be read at all, so nothing about it can be said."""


@dataclass(frozen=True)
class Finding:
    check: str  # stable name: keys, checkpoint, cosignatures, consistency, entry, row, anchor, kept, complete, log;
    # of a report also files, signature, signoff, ledger
    status: Status
    text: str


@dataclass
class Verdict:
    """All findings about one file or folder."""

    kind: str  # bundle, report, proof or log
    path: str
    facts: dict[str, Any] = field(default_factory=dict)  # origin, size, root, entries, seconds, rate, ...
    findings: list[Finding] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)  # signed notes that contradict one another

    def verified(self, check: str, text: str) -> None:
        self.findings.append(Finding(check, Status.VERIFIED, text))

    def false(self, check: str, text: str) -> None:
        self.findings.append(Finding(check, Status.FALSE, text))

    def unchecked(self, check: str, text: str) -> None:
        self.findings.append(Finding(check, Status.UNCHECKED, text))

    def open(self, check: str, text: str) -> None:
        self.findings.append(Finding(check, Status.OPEN, text))

    def of(self, status: Status) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == status]

    @property
    def result(self) -> str:
        """verified, false or unchecked. What is false outweighs what could not be checked."""
        for status in (Status.FALSE, Status.UNCHECKED):
            if self.of(status):
                return str(status)
        return str(Status.VERIFIED) if self.of(Status.VERIFIED) else str(Status.UNCHECKED)

    @property
    def exit_code(self) -> int:
        return {"verified": 0, "false": 1}.get(self.result, 2)
