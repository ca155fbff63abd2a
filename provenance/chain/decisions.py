"""Decisions on models as the contract holds them: who is in office, and where a subject stands.

People sign with a key of their own and pay no gas; anybody may carry the signatures to the contract. A registered
proposer signs a proposal alone. One officer halts; approving, resuming and revoking take a quorum of officers, among
whom the one who proposed does not count: both have signed, so that they differ is proved and not only attested.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils import to_checksum_address

from provenance.chain.registry import Registry
from provenance.domain.decision import SubjectState


@dataclass(frozen=True)
class Subject:
    """State of a subject on the chain."""

    state: SubjectState
    nonce: int  # that the next decision must carry
    time: int  # of the block of the last decision, POSIX seconds; 0 before the first
    proposer: str  # address that signed the proposal; `NOBODY` before it


class Decisions:
    """The decisions half of a registry."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def subject(self, log_id: bytes, subject: bytes, *, final: bool = False) -> Subject:
        """State of a subject, and the nonce of the next decision on it; with `final`, what can not be taken back."""
        state, nonce, time, proposer = self.registry.read("subjects", log_id, subject, final=final)
        return Subject(SubjectState(state), nonce, time, proposer)

    def is_officer(self, log_id: bytes, address: str) -> bool:
        """Whether an address is in office."""
        return self.registry.read("isOfficer", log_id, to_checksum_address(address))

    def is_proposer(self, log_id: bytes, address: str) -> bool:
        """Whether an address may propose."""
        return self.registry.read("isProposer", log_id, to_checksum_address(address))

    def quorum(self, log_id: bytes) -> tuple[int, int]:
        """Officers needed to approve, resume or revoke (0: not set, nothing passes), and officers in office."""
        needed, officers = self.registry.read("quorumOf", log_id)
        return needed, officers
