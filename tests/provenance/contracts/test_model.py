"""The contract does what its model in Python does: same acceptance, same error with the same values, same state."""

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys import keys
from eth_utils import keccak
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from provenance.chain.embedded import CHAIN_ID
from provenance.domain.decision import Verdict
from tests.factories.anchor_registry import APPROVED, HALTED, NOBODY, NONE, PROPOSED, Log, Model, Refused, Subject
from tests.factories.bare_evm import BareRegistry, Reverted
from tests.factories.office import Decision

KEYS = {Account.from_key(n.to_bytes(32, "big")).address: keys.PrivateKey(n.to_bytes(32, "big")) for n in range(1, 7)}
PEOPLE = sorted(KEYS, key=lambda address: int(address, 16))  # in the order that signatures come in
OWNER, ROBOT = PEOPLE[0], PEOPLE[1]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MALFORMED = ("short", "mirrored", "v", "zero")
FAULTS = ("nonce", "late", "proposer", "outsider", "fewer", "descending", "twice", "crowd", *MALFORMED)
SUBJECTS = [bytes([n]) * 32 for n in range(4)]
NEXT = {NONE: Verdict.PROPOSE, PROPOSED: Verdict.APPROVE, APPROVED: Verdict.HALT, HALTED: Verdict.RESUME}

people = st.sampled_from([*PEOPLE, NOBODY])
senders = st.sampled_from([OWNER] * 9 + PEOPLE)
logs = st.sampled_from([0, 0, 0, 0, 0, 1, 2])
roots = st.integers(0, 5).map(lambda n: n.to_bytes(32, "big"))
crowds = st.lists(st.sampled_from(PEOPLE), max_size=4)


class Registries(RuleBasedStateMachine):
    """Every step is taken in both; then both are looked at."""

    @initialize()
    def open(self):
        self.contract, self.model = BareRegistry(), Model(now=1000)
        self.logs = [self.log_id(OWNER, 0), self.log_id(OWNER, 1), bytes(32)]
        self.contract.set_time(self.model.now)
        self.create(OWNER, 0)
        for who in PEOPLE[2:]:
            self.both("setOfficer", "set_officer", OWNER, self.logs[0], who, True)
        for who in PEOPLE[4:]:
            self.both("setProposer", "set_proposer", OWNER, self.logs[0], who, True)
        self.both("setAnchorer", "set_anchorer", OWNER, self.logs[0], ROBOT, True)
        self.both("setQuorum", "set_quorum", OWNER, self.logs[0], 2)

    def log_id(self, owner, salt):
        (log_id,), _ = self.contract.call(owner, "logIdOf", owner, salt.to_bytes(32, "big"))
        return log_id

    def both(self, function, method, sender, *arguments, expected=None):
        try:
            event = getattr(self.model, method)(sender, *arguments) if expected is None else expected()
        except Refused as refusal:
            wanted = (refusal.name, refusal.values)
        else:
            wanted = event
        try:
            _, events = self.contract.call(sender, function, *arguments)
        except Reverted as error:
            got = (error.name, error.values)
        else:
            (got,) = events
        assert got == wanted

    # --- rules -------------------------------------------------------------------------------------------------------

    @rule(
        function=st.sampled_from(["create", "offer", "accept", "quorum", *3 * ["Anchorer", "Officer", "Proposer"]]),
        sender=senders, log=logs, who=people, on=st.booleans(), quorum=st.sampled_from([0, 1, 2, 2, 3, 16, 17]),
    )  # fmt: skip
    def govern(self, function, sender, log, who, on, quorum):
        log_id = self.logs[log]
        if function == "create":
            self.create(sender, int(on))
        elif function == "offer":
            self.both("offerOwnership", "offer_ownership", sender, log_id, who)
        elif function == "accept":
            heir = self.of(log).heir
            self.both("acceptOwnership", "accept_ownership", heir if on and heir in KEYS else sender, log_id)
        elif function == "quorum":
            self.both("setQuorum", "set_quorum", sender, log_id, quorum)
        else:
            self.both(f"set{function}", f"set_{function.lower()}", sender, log_id, who, on)

    def create(self, sender, salt):
        log_id, salt = self.log_id(sender, salt), salt.to_bytes(32, "big")
        self.both("createLog", "create_log", sender, salt, expected=lambda: self.model.create_log(sender, log_id, salt))

    @rule(
        sender=st.sampled_from([ROBOT] * 4 + PEOPLE), log=logs, root=roots, grow=st.integers(-1, 3),
        prev=st.none() | roots,
    )  # fmt: skip
    def anchor(self, sender, log, root, grow, prev):
        head = self.of(log).head
        self.both("anchor", "anchor", sender, self.logs[log], root, max(0, head[1] + grow), prev or head[0])

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds):
        self.model.now += seconds
        self.contract.set_time(self.model.now)

    @rule(
        log=logs, subject=st.sampled_from(SUBJECTS), verdict=st.sampled_from([0, *Verdict]), proposer=people,
        late=st.integers(-1, 60), signers=crowds,
    )  # fmt: skip
    def decide(self, log, subject, verdict, proposer, late, signers):
        """Anything at all."""
        nonce = (self.of(log).subjects.get(subject) or Subject()).nonce
        expires_at = max(0, self.model.now + late)
        decision = (self.logs[log], subject, int(verdict), b"\x05" * 32, proposer, nonce, expires_at)
        self.carry(decision, signers, None)

    @rule(subject=st.sampled_from(SUBJECTS), revoke=st.integers(0, 5), everybody=st.booleans())
    def proceed(self, subject, revoke, everybody):
        """The next decision in a subject's life, signed by whoever may sign, or by all officers."""
        self.carry(*self.next_of(subject, revoke=revoke == 0, everybody=everybody), None)

    @rule(subject=st.sampled_from(SUBJECTS), fault=st.sampled_from(FAULTS), who=st.sampled_from(PEOPLE))
    def err(self, subject, fault, who):
        """The next decision in a subject's life, with one thing wrong."""
        decision, signers = self.next_of(subject, revoke=False, everybody=False)
        log_id, name, verdict, commitment, proposer, nonce, expires_at = decision
        if fault == "nonce":
            nonce += 1
        elif fault == "late":
            expires_at = self.model.now - 1
        elif fault == "proposer":
            proposer = who
        elif fault == "outsider":
            signers = _ascending({*signers, who})
        elif fault == "fewer":
            signers = signers[:-1]
        elif fault == "descending":
            signers = signers[::-1]
        elif fault == "twice":
            signers = [*signers, *signers[-1:]]
        elif fault == "crowd":
            signers = [who] * 17
        decision = (log_id, name, verdict, commitment, proposer, nonce, expires_at)
        self.carry(decision, signers, fault if fault in MALFORMED else None)

    def next_of(self, subject, *, revoke, everybody):
        log = self.of(0)
        known = log.subjects.get(subject) or Subject()
        verdict = NEXT.get(known.state, Verdict.RESUME)
        proposer, signers = known.proposer, log.officers if everybody else log.officers - {known.proposer}
        if verdict is Verdict.PROPOSE:
            proposer = min(log.proposers, default=PEOPLE[5])
            signers = {proposer}
        elif revoke:
            verdict = Verdict.REVOKE
        decision = (self.logs[0], subject, int(verdict), b"\x06" * 32, proposer, known.nonce, self.model.now + 1)
        return decision, _ascending(signers)

    def carry(self, decision, signers, broken):
        digest = self.digest(decision)
        signatures, recovered = [_sign(who, digest) for who in signers], list(signers)
        if broken and signers:
            signatures[-1], recovered[-1] = _break(signatures[-1], broken), None
        self.both(
            "decide", "decide", OWNER, decision, signatures, expected=lambda: self.model.decide(decision, recovered)
        )

    def digest(self, decision):
        """What wallets sign, computed by eth-account and not by the contract."""
        log_id, subject, verdict, *rest = decision
        made = Decision(log_id, subject, Verdict(verdict) if verdict else 0, *rest)
        return _hash(made.typed_data(chain_id=CHAIN_ID, registry=self.contract.address))

    # --- looking at both ---------------------------------------------------------------------------------------------

    def of(self, log):
        return self.model.logs.get(self.logs[log]) or Log(owner=NOBODY)

    def read(self, function, *arguments):
        values, events = self.contract.call(OWNER, function, *arguments)
        assert not events
        return values

    @invariant()
    def both_are_in_the_same_state(self):
        for log_id in self.logs[:1]:
            log = self.model.logs.get(log_id) or Log(owner=NOBODY)
            assert self.read("ownerOf", log_id) == (log.owner, log.heir)
            assert self.read("quorumOf", log_id) == (log.quorum, len(log.officers))
            assert self.read("head", log_id) == (log.head,)
            assert all(self.read("rootAtSize", log_id, size) == (root,) for size, root in log.roots.items())
            for role, members in (("Anchorer", log.anchorers), ("Officer", log.officers), ("Proposer", log.proposers)):
                assert [self.read(f"is{role}", log_id, who)[0] for who in PEOPLE] == [who in members for who in PEOPLE]
            for name in SUBJECTS:
                subject = log.subjects.get(name) or Subject()
                assert self.read("subjects", log_id, name) == (
                    subject.state, subject.nonce, subject.time, subject.proposer,
                )  # fmt: skip


def _ascending(signers):
    return sorted(signers, key=lambda who: int(who, 16))


def _hash(typed):
    message = encode_typed_data(full_message=typed)
    return keccak(b"\x19" + message.version + message.header + message.body)


def _sign(who, digest):
    signature = KEYS[who].sign_msg_hash(digest).to_bytes()
    return signature[:64] + bytes([27 + signature[64]])


def _break(signature, how):
    if how == "short":
        return signature[:64]
    if how == "mirrored":
        s = ORDER - int.from_bytes(signature[32:64], "big")
        return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    return signature[:64] + b"\x1d" if how == "v" else bytes(64) + signature[64:]


TestRegistries = Registries.TestCase
TestRegistries.settings = settings(
    max_examples=14,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],  # a failing run is readable as it is; making it smaller takes minutes
)
