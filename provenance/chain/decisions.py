"""Decisions on models: proposed, approved, halted, resumed, revoked, each signed as EIP-712 typed data.

People sign with a key of their own and pay no gas; anybody may carry the signatures to the contract. A registered
proposer signs a proposal alone. One officer halts; approving, resuming and revoking take a quorum of officers, among
whom the one who proposed does not count: both have signed, so that they differ is proved and not only attested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils import to_checksum_address
from web3.logs import DISCARD

from provenance.chain.errors import ChainError
from provenance.chain.node import Inclusion, SignedTransaction
from provenance.chain.registry import Registry
from provenance.chain.signer import Signer
from provenance.domain.decision import NOBODY, Message, Place, SubjectState, Verdict

__all__ = ["NOBODY", "Decided", "Decision", "Decisions", "Subject", "SubjectState", "Verdict"]


@dataclass(frozen=True)
class Subject:
    """State of a subject on the chain."""

    state: SubjectState
    nonce: int  # that the next decision must carry
    time: int  # of the block of the last decision, POSIX seconds; 0 before the first
    proposer: str  # address that signed the proposal; `NOBODY` before it


@dataclass(frozen=True)
class Decision:
    """What the proposer and the officers sign."""

    log_id: bytes
    subject: bytes  # salted commitment, 32 bytes; never a name
    verdict: Verdict
    commitment: bytes  # salted commitment to the rationale, 32 bytes
    proposer: str  # address that proposes, or that is recorded as having proposed the subject
    nonce: int
    expires_at: int  # POSIX seconds

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the members in the order of the contract's struct."""
        return (
            self.log_id,
            self.subject,
            int(self.verdict),
            self.commitment,
            to_checksum_address(self.proposer),
            self.nonce,
            self.expires_at,
        )

    def typed_data(self, *, chain_id: int, registry: str) -> dict[str, Any]:
        """Return the EIP-712 message, as wallets and `Signer.sign_typed_data` take it."""
        return Message(
            place=Place(chain_id, registry, "0x" + self.log_id.hex()),
            subject="0x" + self.subject.hex(),
            verdict=self.verdict,
            commitment="0x" + self.commitment.hex(),
            proposer=to_checksum_address(self.proposer),
            nonce=self.nonce,
            expires_at=self.expires_at,
        ).typed_data()


@dataclass(frozen=True)
class Decided:
    """A decision, as its receipt tells it."""

    log_id: bytes
    subject: bytes
    verdict: Verdict
    state: SubjectState
    commitment: bytes
    proposer: str
    nonce: int
    signers: tuple[str, ...]  # ascending; the proposer of a proposal, officers otherwise


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

    def appoint(self, signer: Signer, log_id: bytes, who: str, *, on: bool = True) -> None:
        """Put an officer into office, or out of it; `signer` owns the log."""
        if self.is_officer(log_id, who) != on:
            self.registry.execute(signer, "setOfficer", log_id, to_checksum_address(who), on)

    def register(self, signer: Signer, log_id: bytes, who: str, *, on: bool = True) -> None:
        """Let an address propose, or no longer; `signer` owns the log."""
        if self.is_proposer(log_id, who) != on:
            self.registry.execute(signer, "setProposer", log_id, to_checksum_address(who), on)

    def set_quorum(self, signer: Signer, log_id: bytes, quorum: int) -> None:
        """Set how many officers approve, resume or revoke: 2 to 16."""
        if self.quorum(log_id)[0] != quorum:
            self.registry.execute(signer, "setQuorum", log_id, quorum)

    def typed_data(self, decision: Decision) -> dict[str, Any]:
        """Return the EIP-712 message of a decision for this registry on this chain."""
        return decision.typed_data(chain_id=self.registry.node.chain_id, registry=self.registry.address)

    def sign(self, decision: Decision, signer: Signer) -> bytes:
        """Sign a decision as its proposer or as an officer: 65 bytes."""
        return signer.sign_typed_data(self.typed_data(decision))

    def signer_of(self, decision: Decision, signature: bytes) -> str:
        """Address that signed a decision.

        Raises
        ------
        ChainError
            If the signature is malformed.
        """
        message: SignableMessage = encode_typed_data(full_message=self.typed_data(decision))
        try:
            return Account.recover_message(message, signature=signature)
        except Exception as error:  # noqa: BLE001 - eth-keys and eth-account have no common error
            raise ChainError(f"expected a signature of 65 bytes, got one that does not recover: {error}") from None

    def sign_decide(
        self,
        decision: Decision,
        signatures: Sequence[bytes],
        relayer: Signer,
        *,
        nonce: int | None = None,
        replacing: SignedTransaction | None = None,
    ) -> SignedTransaction:
        """Sign the transaction that carries a decision; commit it, then `Node.send_raw` its bytes.

        The signatures may come in any order; a second one of the same officer is dropped.

        Raises
        ------
        ContractRefused
            If the contract would refuse it now; its `name` says why (QuorumNotMet, NotOfficer, NotProposer,
            SelfDecision, ProposerMismatch, Expired, WrongNonce, WrongState, ...).
        """
        by_signer = {int(self.signer_of(decision, s), 16): s for s in signatures}
        ordered = [by_signer[address] for address in sorted(by_signer)]
        return self.registry.sign_call(
            relayer, "decide", decision.as_tuple(), ordered, nonce=nonce, replacing=replacing
        )

    def decided(self, inclusion: Inclusion) -> list[Decided]:
        """Decisions in a receipt; empty where the contract refused."""
        events = self.registry.contract.events.Decided().process_receipt(inclusion.receipt, errors=DISCARD)
        return [
            Decided(
                log_id=e.args.logId,
                subject=e.args.subject,
                verdict=Verdict(e.args.verdict),
                state=SubjectState(e.args.state),
                commitment=e.args.commitment,
                proposer=e.args.proposer,
                nonce=e.args.nonce,
                signers=tuple(e.args.signers),
            )
            for e in events
            if e.address == self.registry.address
        ]
