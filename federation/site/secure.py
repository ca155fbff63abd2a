"""A site's part in secure aggregation: agree on secrets with the other sites, send shares, mask, help to unmask.

What must not be answered twice differently is kept (`secure_memory`) before the answer leaves: the run's key, the
secrets with other sites, for each session its own randomness and the sets of sites that were asked about, and what the
site still owes of its updates.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

from federation.domain import messages
from federation.domain.feature_summaries import UNITS
from federation.domain.group_rates import Cell
from federation.domain.learning import weights
from federation.domain.messages import Message, canonical
from federation.domain.noised_scores import ScoresConfig, masked_code
from federation.domain.privacy.distributed import require_quorum
from federation.domain.quantum.qkd.etsi014 import QkdKey
from federation.domain.round_metrics import metrics_before
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.secure import envelope, masks
from federation.domain.secure.aggregation import Client, Session
from federation.domain.secure.compression import ErrorFeedback
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.counts import CellLayout
from federation.domain.secure.field import Elements, Field
from federation.domain.secure.hybrid_keys import combine
from federation.domain.secure.update import CountCode, Layout, UpdateCode
from federation.domain.twin_comparison import NUMBERS
from federation.site import handlers
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles
from federation.site.noise import SUMS
from federation.site.qkd import fresh_key, shared_key
from federation.site.secure_memory import Memory
from provenance.witness.state import write_whole

_AGREEMENT = b"qfl-ethics/agreement/v1"
PURPOSES = ("train", "evaluate")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise OrderRefused("expected base64 in the order") from None


def security_of(config: RunConfig) -> SecurityConfig:
    if config.security is None:
        raise OrderRefused("the run's configuration has no security part; there is nothing to mask")
    return SecurityConfig.from_dict(config.security)


def _frozen(site: Site, order: Message) -> SecurityConfig:
    security = security_of(frozen_config(site, order))
    if not security.masking or site.home.config.site not in security.signing_keys:
        raise OrderRefused("the configuration that was consented to does not mask this site's updates")
    return security


def _statement(order: Message, site: str, key: str) -> bytes:
    return canonical({"run": order.body["run"], "config": order.body["config_hash"], "site": site, "key": key})


@handles("secure_keys")
def send_key(site: Site, order: Message, tell: Tell) -> Answer:
    """The site's ML-KEM key for this run, signed so that the other sites can check it."""
    _frozen(site, order)
    seed = Memory(site, order).random("seed", 64)
    key = _b64(MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw())
    proof = site.home.key.sign(_statement(order, site.home.config.site, key), _AGREEMENT)
    return {"key": key, "proof": _b64(proof)}, {}


@handles("secure_pairs")
def send_ciphertexts(site: Site, order: Message, tell: Tell) -> Answer:
    """A fresh secret for each site that comes later in the order, for which it is encapsulated."""
    security, own, memory = _frozen(site, order), site.home.config.site, Memory(site, order)
    keys = order.body["keys"]
    if set(keys) != set(security.signing_keys):
        raise OrderRefused(f"expected the keys of {sorted(security.signing_keys)}, got {sorted(keys)}")
    for peer, stated in keys.items():
        _check_key(order, security, peer, stated)
    memory.once("keys", {peer: stated["key"] for peer, stated in keys.items()})
    pairs = memory.read("pairs")
    for peer in sorted(keys):
        if peer > own and peer not in pairs:
            ciphertext, shared = masks.encapsulate(_unb64(keys[peer]["key"]))
            pairs[peer] = {"ciphertext": _b64(ciphertext), "shared": _b64(shared)}
            if security.qkd:
                pairs[peer]["quantum"] = _kept(fresh_key(site.home, peer))
            memory.write("pairs", pairs)  # at once: a quantum key is handed out once
    told = {peer: _told(pair) for peer, pair in pairs.items()}
    quantum = [pair["quantum"] for pair in pairs.values() if "quantum" in pair]
    return {
        "ciphertexts": told,
        **({"simulated_keys": any(key["simulated"] for key in quantum)} if quantum else {}),
    }, {}


def _kept(key: QkdKey) -> dict[str, Any]:
    return {"id": key.id, "key": _b64(key.value), "simulated": key.simulated}


def _told(pair: Mapping[str, Any]) -> str | dict[str, str]:
    """What the other site of a pair needs: the ciphertext, and with QKD the id of the key, never the key."""
    text = pair["ciphertext"]
    return {"ciphertext": text, "key_id": pair["quantum"]["id"]} if "quantum" in pair else text


def _check_key(order: Message, security: SecurityConfig, peer: str, stated: Mapping[str, Any]) -> None:
    signing = _unb64(stated["signing_key"])
    if hashlib.sha256(signing).hexdigest() != security.signing_keys[peer]:
        raise OrderRefused(f"{peer}: its signing key is not the one that was consented to")
    try:
        public = messages.load_public(_b64(signing))
        public.verify(_unb64(stated["proof"]), _statement(order, peer, str(stated["key"])), _AGREEMENT)
    except (InvalidSignature, ValueError):
        raise OrderRefused(f"{peer}: its key of this run is not signed by it") from None


def _client(site: Site, order: Message, purpose: str, *, size: int = 0, bits: int = 16) -> Client:
    security, own, memory = _frozen(site, order), site.home.config.site, Memory(site, order)
    if purpose not in PURPOSES or type(order.body.get("round")) is not int:
        raise OrderRefused(f"expected a round and one of {PURPOSES}, got {purpose!r}")
    name = session_name(order.body["run"], order.body["round"], purpose)
    session = Session(name, tuple(sorted(security.signing_keys)), security.threshold, Field(bits), size)
    master = memory.random(f"master-{order.body['round']}-{purpose}")
    return Client(session, own, _secrets(site, order, memory, qkd=security.qkd), master)


def session_name(run: str, number: int, purpose: str) -> str:
    return f"{run}:{number}:{purpose}"


def _secrets(site: Site, order: Message, memory: Memory, *, qkd: bool) -> dict[str, bytes]:
    """The secret with each other site, from what was encapsulated here and, in the order, for here.

    With `qkd`, the pair's quantum key goes in beside ML-KEM's secret: the result is secret as long as either is.
    """
    own = site.home.config.site
    keys, pairs, seed = memory.read("keys"), memory.read("pairs"), memory.random("seed", 64)
    memory.once("received", order.body["ciphertexts"])
    found = {}
    for peer in keys:
        if peer == own:
            continue
        first, second = sorted((own, peer))
        told = _told(pairs[peer]) if peer > own else order.body["ciphertexts"].get(peer, "")
        if isinstance(told, Mapping) != qkd:
            raise OrderRefused(f"{peer}: expected a quantum key exactly where the configuration mixes one in")
        ciphertext = _unb64(told["ciphertext"] if isinstance(told, Mapping) else told)
        shared = _unb64(pairs[peer]["shared"]) if peer > own else masks.decapsulate(seed, ciphertext)
        transcript = [_unb64(keys[second]), ciphertext]
        if isinstance(told, Mapping):
            quantum = pairs[peer]["quantum"] if peer > own else _fetched(site, memory, peer, str(told["key_id"]))
            transcript.append(quantum["id"].encode())
            context = canonical({"run": order.body["run"], "sites": [first, second], "key": quantum["id"]})
            shared = combine((shared, _unb64(quantum["key"])), context=context)
        found[peer] = masks.pair_secret(shared, run=order.body["run"], sites=(first, second), transcript=transcript)
    return found


def _fetched(site: Site, memory: Memory, peer: str, key_id: str) -> dict[str, Any]:
    """The quantum key that a peer took for this site: fetched once, then kept."""
    kept = memory.read("quantum")
    if peer not in kept:
        kept[peer] = _kept(shared_key(site.home, peer, key_id))
        memory.write("quantum", kept)
    return kept[peer]


@handles("secure_shares")
def send_shares(site: Site, order: Message, tell: Tell) -> Answer:
    """Shares for both sessions of a round: of the updates, and of the scores."""
    files: dict[str, bytes] = {}
    for purpose in PURPOSES:
        made = _client(site, order, purpose).shares()
        files.update({f"{purpose}/{peer}": sealed for peer, sealed in made.sealed.items()})
        files[f"{purpose}/"] = made.escrow
    return {}, files


@handles("secure_unmask")
def send_reveal(site: Site, order: Message, tell: Tell) -> Answer:
    """Help to open the sum of the counted sites; asked of one set only."""
    body, memory = order.body, Memory(site, order)
    purpose, number = str(body["purpose"]), body["round"]
    _require_quorum(site, order, purpose)
    client = _client(site, order, purpose)
    question = {"present": sorted(body["present"]), "counted": sorted(body["counted"])}
    received = {peer: _unb64(text) for peer, text in body["dealt"].items()}
    reveal = client.unmask(present=question["present"], counted=question["counted"], received=received)
    memory.once(f"unmask-{number}-{purpose}", question)
    if purpose == "train" and site.home.config.site in question["counted"]:
        memory.settle(number)
    shares = {"own_masks": reveal.own_masks, "escrows": reveal.escrows}
    return {kind: {peer: _b64(share) for peer, share in found.items()} for kind, found in shares.items()}, {}


def _require_quorum(site: Site, order: Message, purpose: str) -> None:
    """A site need not believe the coordinator: with fewer sites, the sum has less noise than was promised."""
    noise = frozen_config(site, order).shared_noise
    if purpose == "train" and noise is not None:
        require_quorum(len(set(order.body["counted"])), noise)


def _mask(site: Site, order: Message, purpose: str, elements: Elements, bits: int) -> bytes:
    memory, number = Memory(site, order), order.body["round"]
    present = sorted(order.body["masking"]["present"])
    digest = hashlib.sha256(elements.tobytes()).hexdigest()
    memory.once(f"mask-{number}-{purpose}", {"present": present, "elements": digest})
    client = _client(site, order, purpose, size=len(elements), bits=bits)
    return envelope.pack({"masked": Field(bits).pack(client.masked(elements, present=present))})


@handlers.masks("train")
def mask_update(site: Site, order: Message, answer: Answer) -> Answer:
    """Instead of the weights, their change at the round's coordinates, under masks; instead of losses, nothing."""
    report, files = answer
    security = _frozen(site, order)
    elements = np.frombuffer(files[SUMS], dtype="<u4") if SUMS in files else _change(site, order, security, answer)
    models = {name: {**said, "loss": None} for name, said in report["models"].items()}
    report = {name: said for name, said in report.items() if name != "fairness"}  # a single site's figures
    return {**report, "models": models}, {"masked": _mask(site, order, "train", elements, security.field_bits)}


def _change(site: Site, order: Message, security: SecurityConfig, answer: Answer) -> Elements:
    """The change of the weights as elements of the field; what it leaves out is offered to the rounds to come."""
    report, files = answer
    config, memory, number = frozen_config(site, order), Memory(site, order), order.body["round"]
    start = {name: weights.from_bytes(order.attachments[name], like=config.models[name]) for name in MODEL_NAMES}
    local = {name: weights.from_bytes(files[name], like=config.models[name]) for name in MODEL_NAMES}
    if site.home.config.site in order.body["masking"]["counted_before"]:
        memory.settle(number - 1)  # it may not have been asked to unmask: it was away
    layout = Layout.of(start)
    code = UpdateCode.of(security, seed=config.hash, round_number=number, size=layout.size)
    owed = ErrorFeedback(memory.vector("owed", layout.size))
    change = layout.flatten(local) - layout.flatten(start)
    elements = code.encode(change, report["n_records"], owed, seed=memory.random(f"rounding-{number}"))
    owed.settle()
    write_whole(memory.path(f"offer-{number}"), owed.owed.astype("<f4").tobytes())
    return elements


@handlers.masks("evaluate")
def mask_scores(site: Site, order: Message, answer: Answer) -> Answer:
    """Secure counts: the cells of all sites in one order of groups, and pairs of scores, under masks."""
    report, _ = answer
    config = frozen_config(site, order)
    security = security_of(config)
    code = CountCode(parties=len(security.signing_keys), most=security.most_records)
    if "scores" in report:  # with noise, see `noised_scores`
        code = masked_code(ScoresConfig.from_dict(config.scores or {}), security)
        counts = np.clip(np.array(report["scores"]) / UNITS, -code.most, code.most)
    else:
        masking = order.body["masking"]
        layout = CellLayout.from_list(masking["groups"], masking.get("metrics", metrics_before(config.task)))
        cells = {name: [Cell.from_dict(raw) for raw in report["cells"][name]] for name in MODEL_NAMES}
        counts = np.concatenate([layout.flatten(cells[name]) for name in MODEL_NAMES])
        if masking.get("paired"):  # an order of before pairs were asked for has none
            counts = np.concatenate([counts, report["paired"] or [0.0] * NUMBERS])
    return {}, {"masked": _mask(site, order, "evaluate", code.encode(counts), 32)}
