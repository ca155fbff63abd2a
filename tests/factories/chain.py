"""An embedded chain with a registry, and people's keys for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from eth_account import Account

from accounts.models import User
from provenance.chain.node import connect
from provenance.chain.registry import Registry
from provenance.chain.signer import LocalSigner
from provenance.decisions import decision_sign, message_of
from provenance.domain.decision import personal_digest
from provenance.models import ChainState
from provenance.models_decisions import ChainDecision, DecisionSignature, OfficerKey
from provenance.officers import officer_key_challenge, officer_key_register
from provenance.relaying import Relayer


def key_of(number: int):
    return Account.from_key(number.to_bytes(32, "big"))


def sign_digest(account, digest: bytes) -> str:
    return "0x" + bytes(account.unsafe_sign_hash(digest).signature).hex()


def register(user: User, account) -> OfficerKey:
    challenge = officer_key_challenge(user=user, address=account.address)
    signature = sign_digest(account, personal_digest(challenge))
    return officer_key_register(user=user, challenge=challenge, signature=signature)


def chain_state(**changes) -> ChainState:
    values = {"chain_id": 88117, "contract": key_of(500).address, "log_id": "0x" + 64 * "a", **changes}
    return ChainState.objects.create(id=1, **values)


@dataclass
class World:
    """The chain, the relayer, and whose key is whose."""

    registry: Registry
    signer: LocalSigner
    log_id: bytes
    relayer: Relayer
    keys: dict = field(default_factory=dict)

    def enrol(self, *users: User) -> None:
        for user in users:
            self.keys[user.id] = key_of(1000 + len(self.keys))
            register(user, self.keys[user.id])

    def sign(self, decision: ChainDecision, user: User) -> DecisionSignature:
        signature = sign_digest(self.keys[user.id], message_of(decision).digest())
        return decision_sign(decision=decision, signature=signature, actor=user)

    def settle(self, most: int = 40) -> int:
        """Let the relayer work until nothing moves; how many steps that took."""
        for step in range(most):
            if not self.relayer.step():
                return step
        raise AssertionError(f"the relayer still moves after {most} steps")

    def transactions(self) -> int:
        return self.registry.node.next_nonce(self.signer.address)


def make_chain(folder) -> World:
    node = connect(f"embedded://{folder}/chain.sqlite3")
    signer = LocalSigner(key_of(77))
    node.w3.provider.fund(signer.address, 10**21)
    return make_world(node, signer)


def make_world(node, signer) -> World:
    registry = Registry.deploy_or_load(node, signer)
    log_id = registry.create_log(signer, bytes(31) + b"\x01")
    registry.set_anchorer(signer, log_id, signer.address)
    chain_state(chain_id=node.chain_id, contract=registry.address, log_id="0x" + log_id.hex())
    return World(registry, signer, log_id, Relayer(registry, signer, log_id))
