"""The contract's decisions by hand: appointing, signing with many keys, carrying, and reading what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import to_checksum_address
from web3.logs import DISCARD

from provenance.chain.decisions import Decisions
from provenance.chain.node import Inclusion, SignedTransaction
from provenance.chain.signer import Signer
from provenance.domain.decision import Message, Place, SubjectState, Verdict


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
        """In the order of the contract's struct."""
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


class Office(Decisions):
    """Whoever owns the log, and everybody who decides."""

    def appoint(self, signer: Signer, log_id: bytes, who: str, *, on: bool = True) -> None:
        self.registry.execute(signer, "setOfficer", log_id, who, on)

    def register(self, signer: Signer, log_id: bytes, who: str, *, on: bool = True) -> None:
        self.registry.execute(signer, "setProposer", log_id, who, on)

    def set_quorum(self, signer: Signer, log_id: bytes, quorum: int) -> None:
        self.registry.execute(signer, "setQuorum", log_id, quorum)

    def typed_data(self, decision: Decision) -> dict[str, Any]:
        return decision.typed_data(chain_id=self.registry.node.chain_id, registry=self.registry.address)

    def sign(self, decision: Decision, signer: Signer) -> bytes:
        return signer.sign_typed_data(self.typed_data(decision))

    def signer_of(self, decision: Decision, signature: bytes) -> str:
        return Account.recover_message(encode_typed_data(full_message=self.typed_data(decision)), signature=signature)

    def sign_decide(self, decision: Decision, signatures: Sequence[bytes], relayer: Signer) -> SignedTransaction:
        """The transaction that carries a decision, its signatures in the order of their addresses, each once."""
        by_signer = {int(self.signer_of(decision, s), 16): s for s in signatures}
        ordered = [by_signer[address] for address in sorted(by_signer)]
        return self.registry.sign_call(relayer, "decide", decision.as_tuple(), ordered)

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
