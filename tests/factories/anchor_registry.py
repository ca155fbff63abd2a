"""AnchorRegistry once more, in Python and in the words of its documentation: what the contract is compared with."""

from dataclasses import dataclass, field

NOBODY = "0x" + 40 * "0"
ZERO = bytes(32)
NONE, PROPOSED, APPROVED, HALTED, REVOKED = range(5)
PROPOSE, APPROVE, HALT, RESUME, REVOKE = range(1, 6)
LEADS = {
    (NONE, PROPOSE): PROPOSED,
    (PROPOSED, APPROVE): APPROVED,
    (APPROVED, HALT): HALTED,
    (HALTED, RESUME): APPROVED,
    (PROPOSED, REVOKE): REVOKED,
    (APPROVED, REVOKE): REVOKED,
    (HALTED, REVOKE): REVOKED,
}
MOST_SIGNATURES = 16


class Refused(Exception):
    """What the contract reverts with: the error's name and values."""

    def __init__(self, name, *values):
        super().__init__(name, values)
        self.name, self.values = name, values


@dataclass
class Subject:
    state: int = NONE
    nonce: int = 0
    time: int = 0
    proposer: str = NOBODY


@dataclass
class Log:
    owner: str
    heir: str = NOBODY
    quorum: int = 0
    anchorers: set = field(default_factory=set)
    officers: set = field(default_factory=set)
    proposers: set = field(default_factory=set)
    head: tuple = (ZERO, 0, 0, 0)  # root, size, anchors so far, time
    roots: dict = field(default_factory=dict)
    subjects: dict = field(default_factory=dict)


@dataclass
class Model:
    """All logs; every method takes the sender first and returns the event, as (name, values in the ABI's order)."""

    now: int
    logs: dict = field(default_factory=dict)

    def create_log(self, sender, log_id, salt):
        if log_id in self.logs:
            raise Refused("LogExists", log_id)
        self.logs[log_id] = Log(owner=sender)
        return "LogCreated", (log_id, sender, salt)

    def offer_ownership(self, sender, log_id, to):
        self._owned(sender, log_id).heir = to
        return "OwnershipOffered", (log_id, to)

    def accept_ownership(self, sender, log_id):
        log = self.logs.get(log_id)
        if log is None or log.heir != sender:
            raise Refused("NotOwner", log.heir if log else NOBODY)
        former, log.owner, log.heir = log.owner, sender, NOBODY
        return "OwnershipTransferred", (log_id, former, sender)

    def set_anchorer(self, sender, log_id, who, on):
        log = self._owned(sender, log_id)
        if on and who in log.officers | log.proposers:
            raise Refused("RoleConflict", who)
        _put(log.anchorers, who, on)
        return "AnchorerSet", (log_id, who, on)

    def set_officer(self, sender, log_id, who, on):
        return self._appoint(sender, log_id, who, on, "officers", "OfficerSet")

    def set_proposer(self, sender, log_id, who, on):
        return self._appoint(sender, log_id, who, on, "proposers", "ProposerSet")

    def set_quorum(self, sender, log_id, quorum):
        log = self._owned(sender, log_id)
        if not 2 <= quorum <= MOST_SIGNATURES:
            raise Refused("QuorumOutOfRange", 2, MOST_SIGNATURES)
        log.quorum = quorum
        return "QuorumSet", (log_id, quorum)

    def anchor(self, sender, log_id, root, size, prev):
        log = self.logs.get(log_id)
        if log is None or sender not in log.anchorers:
            raise Refused("NotAnchorer", sender)
        head_root, head_size, anchors, _ = log.head
        if root == ZERO:
            raise Refused("ZeroRoot")
        if size <= head_size:
            raise Refused("Stale", head_size, head_root)
        if root == head_root:
            raise Refused("RootUnchanged", root)
        if prev != head_root:
            raise Refused("PrevMismatch", head_root)
        log.head, log.roots[size] = (root, size, anchors + 1, self.now), root
        return "Anchored", (log_id, size, anchors + 1, root, prev)

    def decide(self, decision, signers):
        """`signers`: who signed this very decision, in the order given; None for what is no signature."""
        log_id, name, verdict, commitment, proposer, nonce, expires_at = decision
        log = self.logs.get(log_id) or Log(owner=NOBODY)
        subject = log.subjects.get(name) or Subject()
        if self.now > expires_at:
            raise Refused("Expired", expires_at)
        if nonce != subject.nonce:
            raise Refused("WrongNonce", subject.nonce)
        if (subject.state, verdict) not in LEADS:
            raise Refused("WrongState", subject.state, verdict)
        if verdict == PROPOSE:
            self._proposed_by(log, proposer, signers)
        else:
            if proposer != subject.proposer:
                raise Refused("ProposerMismatch", subject.proposer)
            self._decided_by(log, verdict, proposer, signers)
        state = LEADS[subject.state, verdict]
        log.subjects[name] = Subject(state, nonce + 1, self.now, proposer)
        return "Decided", (log_id, name, verdict, state, commitment, proposer, nonce, tuple(signers))

    @staticmethod
    def _proposed_by(log, proposer, signers):
        if len(signers) > 1:
            raise Refused("TooManySignatures", 1)
        if not signers:
            raise Refused("QuorumNotMet", 1, 0)
        (signer,) = signers
        if signer is None:
            raise Refused("BadSignature", 0)
        if signer != proposer:
            raise Refused("ProposerMismatch", signer)
        if signer not in log.proposers:
            raise Refused("NotProposer", signer)

    @staticmethod
    def _decided_by(log, verdict, proposer, signers):
        needed = 1 if verdict == HALT else log.quorum
        if len(signers) > MOST_SIGNATURES:
            raise Refused("TooManySignatures", MOST_SIGNATURES)
        if needed == 0 or len(signers) < needed:
            raise Refused("QuorumNotMet", needed, len(signers))
        for index, signer in enumerate(signers):
            if signer is None:
                raise Refused("BadSignature", index)
            if index and int(signer, 16) <= int(signers[index - 1], 16):
                raise Refused("SignersNotAscending", index)
            if signer not in log.officers:
                raise Refused("NotOfficer", signer)
            if signer == proposer and verdict != HALT:
                raise Refused("SelfDecision", signer)

    def _appoint(self, sender, log_id, who, on, role, event):
        log = self._owned(sender, log_id)
        if who == NOBODY:
            raise Refused("ZeroAddress")
        if on and who in log.anchorers:
            raise Refused("RoleConflict", who)
        _put(getattr(log, role), who, on)
        return event, (log_id, who, on)

    def _owned(self, sender, log_id):
        log = self.logs.get(log_id)
        if log is None or log.owner != sender:
            raise Refused("NotOwner", log.owner if log else NOBODY)
        return log


def _put(members, who, on):
    (members.add if on else members.discard)(who)
