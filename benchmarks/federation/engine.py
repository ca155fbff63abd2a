"""A round between a coordinator and its sites in one process: every message is made, signed, sealed and opened.

Plain: the weights to each site and back, as signed text (version 1), averaged by FedAvg. Secure: the same weights in
sealed letters, shares, masked vectors and shares again. Training is left out: a site's new weights are there already.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from numpy.typing import NDArray

from federation.domain import messages
from federation.domain.learning import weights
from federation.domain.messages import Message
from federation.domain.secure import certificates, envelope, letters, masks
from federation.domain.secure.aggregation import Client, Reveal, Server, Session, Shares
from federation.domain.secure.compression import ErrorFeedback
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.envelope import Opener, Purpose
from federation.domain.secure.field import Field
from federation.domain.secure.update import Layout, UpdateCode
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Update

State = Mapping[str, NDArray[np.float32]]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORDS = 50


@dataclass
class Party:
    """Keys of one end, and what it opened."""

    name: str
    signing: MLDSA65PrivateKey = field(default_factory=messages.new_key)
    seed: bytes = field(default_factory=lambda: MLKEM768PrivateKey.generate().private_bytes_raw())

    def __post_init__(self) -> None:
        self.public = MLKEM768PrivateKey.from_seed_bytes(self.seed).public_key().public_bytes_raw()
        self.certificate = certificates.issue(
            self.name, self.signing.public_key().public_bytes_raw(), self.public, now=NOW
        )
        self.verifier = messages.dump_public(self.signing)


class Federation:
    """A coordinator and sites that have agreed on their pairwise secrets, which they do once a run."""

    def __init__(self, n_sites: int, start: State, *, keep: float, bits: int = 16) -> None:
        self.coordinator = Party("coordinator")
        self.sites = {party.name: party for party in (Party(f"site-{n:03}") for n in range(n_sites))}
        known = {party.name: party.certificate for party in (self.coordinator, *self.sites.values())}
        self._openers = {
            party.name: Opener(party.seed, known.get, set()) for party in (self.coordinator, *self.sites.values())
        }
        self.config = SecurityConfig.recommended(
            dict.fromkeys(self.sites, "0" * 64), most_records=100, keep=keep, field_bits=bits
        )
        self.start, self.layout = start, Layout.of({"model": start})
        self.secrets = self._agree()
        self.feedback = {s: ErrorFeedback(np.zeros(self.layout.size, dtype=np.float32)) for s in self.sites}
        self.sent: dict[str, int] = {}  # bytes from sites, by stage
        self.round = 0

    def _agree(self) -> dict[str, dict[str, bytes]]:
        secrets: dict[str, dict[str, bytes]] = {site: {} for site in self.sites}
        for one, other in itertools.combinations(self.sites, 2):
            ciphertext, shared = masks.encapsulate(self.sites[other].public)
            seen = {"run": "run", "sites": (one, other), "transcript": (self.sites[other].public, ciphertext)}
            secrets[one][other] = masks.pair_secret(shared, **seen)
            opened = masks.decapsulate(self.sites[other].seed, ciphertext)
            secrets[other][one] = masks.pair_secret(opened, **seen)
        return secrets

    def plain_round(self, trained: Mapping[str, State]) -> State:
        """FedAvg over signed messages, as runs without security do it."""
        self.sent = {}
        order = weights.to_bytes(self.start)
        updates = []
        for site, party in self.sites.items():
            asked = Message("train", "coordinator", site, "run:1:train", {"round": 1}, {"model": order})
            text = messages.seal(asked, self.coordinator.signing)
            got, _ = messages.unseal(text, sender="coordinator", public_key=self.coordinator.verifier)
            weights.from_bytes(got.attachments["model"], like=self.start)
            made = {"model": weights.to_bytes(trained[site])}
            answer = Message("train", site, "coordinator", "run:1:train", {"n_records": RECORDS}, made)
            text = messages.seal(answer, party.signing)
            self._count("train", text)
            got, _ = messages.unseal(text, sender=site, public_key=party.verifier)
            state = weights.from_bytes(got.attachments["model"], like=self.start)
            updates.append(Update(site, state, got.body["n_records"]))
        return fedavg.aggregate(updates)

    def secure_round(self, trained: Mapping[str, State]) -> State:
        """The same mean from sealed letters and masked sums."""
        self.round, self.sent = self.round + 1, {}
        flat = self.layout.flatten({"model": self.start})
        code = UpdateCode.of(self.config, seed="run", round_number=self.round, size=self.layout.size)
        sites = tuple(self.sites)
        session = Session(
            f"run:{self.round}:train", sites, self.config.threshold, Field(self.config.field_bits), len(code.indices)
        )
        clients = {s: Client(session, s, self.secrets[s], masks.derive(self.sites[s].seed, "m")) for s in sites}
        server = Server(session)
        for site, client in clients.items():
            self._ask(site, "shares", {"sites": list(sites)}, {})
            made = client.shares()
            got = self._answer(site, "shares", {}, {**made.sealed, "": made.escrow})
            escrow = got.attachments.pop("")  # type: ignore[attr-defined]
            server.take_shares(site, Shares(got.attachments, escrow))
        order, dealt = weights.to_bytes(self.start), server.deal()
        for site, client in clients.items():
            asked = self._ask(site, "train", {"present": list(server.present)}, {**dealt[site], "model": order})
            weights.from_bytes(asked.attachments["model"], like=self.start)
            change = self.layout.flatten({"model": trained[site]}) - flat
            seed = masks.derive(self.sites[site].seed, "rounding", session.name)
            coded = code.encode(change, RECORDS, self.feedback[site], seed=seed)
            masked = client.masked(coded, present=asked.body["present"])
            got = self._answer(
                site, "train", {"n_records": RECORDS}, {"masked": envelope.pack({"v": session.field.pack(masked)})}
            )
            packed = envelope.unpack(got.attachments["masked"])["v"]
            server.take_masked(site, session.field.unpack(packed, session.size))
        counted = server.close()
        for site, client in clients.items():
            asked = self._ask(site, "unmask", {"counted": list(counted)}, {})
            reveal = client.unmask(present=server.present, counted=asked.body["counted"], received=dealt[site])
            self.feedback[site].settle()
            got = self._answer(site, "unmask", {}, reveal.own_masks)
            server.take_reveal(site, Reveal(got.attachments, {}))
        new = code.apply(flat, server.total(), RECORDS * len(counted))
        return self.layout.unflatten(new)["model"]

    def _ask(self, site: str, stage: str, body: dict, files: Mapping[str, bytes]) -> Message:
        return self._letter(self.coordinator, self.sites[site], site, stage, body, files)

    def _answer(self, site: str, stage: str, body: dict, files: Mapping[str, bytes]) -> Message:
        return self._letter(self.sites[site], self.coordinator, site, stage, body, files)

    def _letter(
        self, sender: Party, recipient: Party, site: str, stage: str, body: dict, files: Mapping[str, bytes]
    ) -> Message:
        towards = envelope.TO_COORDINATOR if recipient is self.coordinator else envelope.TO_SITE
        purpose = Purpose("run", self.round, f"run:{self.round}:{stage}", site, towards, "c" * 64)
        message = Message(stage, sender.name, recipient.name, purpose.step, body, files)
        text = letters.seal_letter(
            message,
            purpose,
            key=sender.signing,
            recipient=recipient.public,
            evidence=stage == "train" and sender is not self.coordinator,
        )
        if towards == envelope.TO_COORDINATOR:
            self._count(stage, text)
        return letters.open_letter(text, self._openers[recipient.name], purpose, now=NOW)[0]

    def _count(self, stage: str, text: str) -> None:
        self.sent[stage] = self.sent.get(stage, 0) + len(text)


def example(size: int, n_sites: int) -> tuple[State, dict[str, State]]:
    """Weights to begin with, and those that each site ends with."""
    rng = np.random.default_rng(1)
    start = {"w": rng.normal(0, 0.1, size).astype(np.float32)}
    trained = {f"site-{n:03}": {"w": start["w"] + rng.normal(0, 0.01, size).astype(np.float32)} for n in range(n_sites)}
    return start, trained
