"""Carries decisions and appointments to the contract, and copies what the contract says of each subject.

The same rules as for anchors: sign, commit the bytes, send those same bytes again until a receipt is final; one
transaction open at a time, anchors counted (the anchor worker asks `busy`). The key that carries is nobody's who
decides: it can delay a decision, never make one. Appointing is the log owner's, which is this same key unless another
one was set up (docs/chain.md says what follows from that).
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import events
from core.context import governed
from provenance.chain.decisions import Decisions, Subject
from provenance.chain.errors import ContractRefused, FeeCapReached, NonceConsumed, NotThere, Underpriced
from provenance.chain.node import Inclusion, SignedTransaction
from provenance.chain.registry import Registry
from provenance.chain.signer import Signer
from provenance.decisions import decisions_expire, decisions_ready, message_of, quorum
from provenance.domain.decision import NOBODY, SubjectState
from provenance.models_decisions import ChainDecision, ChainErrand, ChainSubject
from provenance.officers import offices
from provenance.subjects import subjects

logger = logging.getLogger(__name__)

MIRROR_SECONDS = 5.0
OFFICE_SECONDS = 60.0  # how often the chain's offices are compared with the register when the register did not change


class Relayer:
    """One step at a time, in the anchor worker's process."""

    def __init__(self, registry: Registry, signer: Signer, log_id: bytes) -> None:
        self.registry, self.signer, self.log_id = registry, signer, log_id
        self.node, self.decisions = registry.node, Decisions(registry)
        self._mirrored = self._compared = float("-inf")
        self._offices: Any = None

    def busy(self) -> bool:
        """Whether a transaction of ours is signed and not final: then no anchor may be signed."""
        return self._open() is not None

    def step(self) -> bool:
        """Finish what is under way, else begin the next thing. True if something moved."""
        self.refresh()
        errand = self._open()
        if errand is not None:
            return self._pursue(errand)
        moved = decisions_expire() > 0
        errand = self._appoint() or self._decide()
        return moved if errand is None else self._pursue(errand) or True

    # --- the mirror --------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the chain again if it is time. Also while an anchor is open: the gateway refuses on an old mirror."""
        if time.monotonic() - self._mirrored >= MIRROR_SECONDS:
            self.mirror()

    def mirror(self) -> None:
        """Copy the state of every subject that is on the chain or on its way there."""
        block = self.node.block_number()
        for object_id, subject in subjects().items():
            found = self._read(subject)
            # A proposal that expired left its row behind; the object's place is the new one's.
            ChainSubject.objects.filter(object_id=object_id).exclude(subject=subject).update(subject=subject)
            self._copy(object_id, subject, found, block)
            self._supersede(subject, found.nonce)
        self._mirrored = time.monotonic()

    def _copy(self, object_id: str, subject: str, found: Subject, block: int) -> None:
        """Write one row; that its object may no longer be used is told to the floors above in the same transaction."""
        with transaction.atomic():
            before = ChainSubject.objects.filter(subject=subject).values_list("state", flat=True).first()
            ChainSubject.objects.update_or_create(
                subject=subject,
                defaults={
                    "object_id": object_id,
                    "state": int(found.state),
                    "nonce": found.nonce,
                    "proposer": found.proposer,
                    "block_number": block,
                    "read_at": timezone.now(),
                },
            )
            if found.state in (SubjectState.HALTED, SubjectState.REVOKED) and before != found.state:
                events.emit("chain.stopped", {"object": object_id, "state": found.state.name.lower()})

    def _read(self, subject: str) -> Subject:
        """The newest state; but what is approved counts once that is final."""
        key = bytes.fromhex(subject[2:])
        newest = self.decisions.subject(self.log_id, key)
        if newest.state is not SubjectState.APPROVED:
            return newest
        try:
            final = self.decisions.subject(self.log_id, key, final=True)
        except NotThere:  # the contract itself is younger than the newest final block
            final = Subject(SubjectState.NONE, 0, 0, NOBODY)
        return (
            newest if final.nonce == newest.nonce else Subject(final.state, newest.nonce, final.time, newest.proposer)
        )

    def _supersede(self, subject: str, nonce: int) -> None:
        """Close decisions whose number the chain has used: their signatures can never count."""
        void = ChainDecision.objects.filter(
            subject=subject, nonce__lt=nonce, state__in=[ChainDecision.State.OPEN, ChainDecision.State.READY]
        )
        if void.exists():
            with governed(action="decision.supersede"):
                void.update(state=ChainDecision.State.FAILED, error="another decision was recorded first")

    # --- beginning ---------------------------------------------------------------------------------------------------

    def _appoint(self) -> ChainErrand | None:
        """Let the contract's officers, proposers and quorum be those of the register, one change at a time."""
        wanted = offices()
        unchanged = wanted == self._offices and time.monotonic() - self._compared < OFFICE_SECONDS
        if unchanged or self.registry.owner(self.log_id) != self.signer.address:
            return None  # the owner of the log is another key: it appoints
        for function, arguments in self._changes(wanted):
            try:
                return self._sign(function, [self._log, *arguments])
            except ContractRefused as error:  # a registered address that anchors, say: the others must not wait for it
                logger.error("the contract refuses %s%s: %s", function, tuple(arguments), error)
        self._offices, self._compared = wanted, time.monotonic()
        return None

    def _changes(self, wanted: dict[str, tuple[bool, bool]]) -> Any:
        if wanted and self.decisions.quorum(self.log_id)[0] != quorum():
            yield "setQuorum", [quorum()]
        for address, (officer, proposer) in wanted.items():
            if self.decisions.is_officer(self.log_id, address) != officer:
                yield "setOfficer", [address, officer]
            if self.decisions.is_proposer(self.log_id, address) != proposer:
                yield "setProposer", [address, proposer]

    def _decide(self) -> ChainErrand | None:
        """Sign the transaction of the next decision that has its signatures."""
        for decision in decisions_ready():
            if decision.place.log_id != self._log or decision.contract != self.registry.address:
                self._fail(decision, "signed for another contract or log than the one in use now")
                continue
            signed = sorted(decision.signatures.all(), key=lambda signature: int(signature.address, 16))
            message = message_of(decision).typed_data()["message"]
            try:
                return self._sign("decide", [list(message.values()), [s.signature for s in signed]], decision)
            except ContractRefused as error:
                self._fail(decision, str(error))
        return None

    def _sign(self, function: str, arguments: list[Any], decision: ChainDecision | None = None) -> ChainErrand | None:
        """Sign and commit a call; nothing is sent yet. None where fees are above the cap."""
        try:
            signed = self.registry.sign_call(self.signer, function, *arguments)
        except FeeCapReached as error:
            logger.warning("%s waits: %s", function, error)
            return None
        with governed(action="decision.send"):
            if decision is not None:
                decision.state, decision.tx_hash = ChainDecision.State.SENT, "0x" + signed.tx_hash.hex()
                decision.save(update_fields=["state", "tx_hash"])
            return ChainErrand.objects.create(
                decision=decision, function=function, arguments=arguments, chain_id=self.node.chain_id,
                sender=signed.sender, nonce=signed.nonce, attempts=[_attempt(signed)],
            )  # fmt: skip

    # --- pursuing ----------------------------------------------------------------------------------------------------

    def _pursue(self, errand: ChainErrand) -> bool:
        """Look for a receipt of any attempt; else send the newest bytes (again), and bid higher if stuck."""
        inclusion = self._included(errand)
        if inclusion is None:
            try:
                self.node.send_raw(bytes.fromhex(errand.attempts[-1]["raw"]))
            except NonceConsumed as error:
                return self._nonce_taken(errand, str(error))
            except Underpriced as error:
                logger.warning("%s: %s", errand.function, error)
            inclusion = self._included(errand)
        if inclusion is None:
            return self._unstick(errand)
        if not self.node.is_final(inclusion):
            return False
        return self._finish(errand, inclusion)

    def _included(self, errand: ChainErrand) -> Inclusion | None:
        for attempt in reversed(errand.attempts):
            if (inclusion := self.node.inclusion(bytes.fromhex(attempt["tx_hash"]))) is not None:
                return inclusion
        return None

    def _nonce_taken(self, errand: ChainErrand, why: str) -> bool:
        """Another transaction has our nonce; until that is final, a reorganisation may yet give it back."""
        if self._included(errand) is not None or self.node.next_nonce(errand.sender, final=True) <= errand.nonce:
            return False
        self._close(errand, ChainErrand.State.FAILED, why, again=True)
        return True

    def _unstick(self, errand: ChainErrand) -> bool:
        newest = errand.attempts[-1]
        if time.time() - newest["at"] < settings.CHAIN_STUCK_SECONDS or errand.sender != self.signer.address:
            return False
        try:
            signed = self.registry.sign_call(
                self.signer, errand.function, *errand.arguments, replacing=_signed(errand, newest)
            )
        except (FeeCapReached, ContractRefused) as error:
            logger.warning("%s waits: %s", errand.function, error)
            return False
        errand.attempts = [*errand.attempts, _attempt(signed)]
        errand.save(update_fields=["attempts"])
        self.node.send_raw(signed.raw)
        return True

    def _finish(self, errand: ChainErrand, inclusion: Inclusion) -> bool:
        if inclusion.succeeded:
            self._close(errand, ChainErrand.State.FINAL, "", inclusion=inclusion)
        else:
            self._close(errand, ChainErrand.State.FAILED, "the contract refused the transaction", inclusion=inclusion)
        self._offices = None
        if errand.decision_id is not None:
            self.mirror()
        return True

    def _close(
        self,
        errand: ChainErrand,
        state: ChainErrand.State,
        error: str,
        *,
        inclusion: Inclusion | None = None,
        again: bool = False,
    ) -> None:
        """End an errand, and its decision with it; `again`: nothing was decided, so its signatures still count."""
        with transaction.atomic():
            errand.state, errand.error = state, error
            errand.block_number = inclusion.block_number if inclusion else None
            errand.save(update_fields=["state", "error", "block_number"])
            decision = errand.decision
            if decision is None:
                return
            with governed(action="decision.conclude"):
                outcome = ChainDecision.State.FINAL if state is ChainErrand.State.FINAL else ChainDecision.State.FAILED
                decision.state = ChainDecision.State.READY if again else outcome
                decision.error, decision.block_number = error, errand.block_number
                if inclusion is not None:
                    decision.tx_hash = "0x" + inclusion.tx_hash.hex()
                decision.save(update_fields=["state", "error", "block_number", "tx_hash"])

    def _fail(self, decision: ChainDecision, why: str) -> None:
        logger.warning("decision %s: %s", decision.id, why)
        with governed(action="decision.conclude"):
            decision.state, decision.error = ChainDecision.State.FAILED, why
            decision.save(update_fields=["state", "error"])

    def _open(self) -> ChainErrand | None:
        return ChainErrand.objects.filter(state=ChainErrand.State.SIGNED).select_related("decision").first()

    @property
    def _log(self) -> str:
        return "0x" + self.log_id.hex()


def _attempt(signed: SignedTransaction) -> dict[str, Any]:
    return {
        "tx_hash": signed.tx_hash.hex(),
        "raw": signed.raw.hex(),
        "max_fee": str(signed.max_fee_per_gas),
        "tip": str(signed.max_priority_fee_per_gas),
        "at": time.time(),
    }


def _signed(errand: ChainErrand, attempt: dict[str, Any]) -> SignedTransaction:
    raw = bytes.fromhex(attempt["raw"])
    return SignedTransaction(
        raw,
        bytes.fromhex(attempt["tx_hash"]),
        errand.sender,
        errand.nonce,
        int(attempt["max_fee"]),
        int(attempt["tip"]),
    )
