"""Anchors: that a root stands in a block, and, if a node may be asked, that the block stands on the chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from provenance.domain.checkpoint import Checkpoint
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.evm import ROOT_AT_SIZE, AnchorEvidence, AnchorFact, parse_evidence, verify_anchor
from provenance.verifier.findings import Verdict
from provenance.verifier.kept import Consistent
from provenance.verifier.rpc import Rpc
from provenance.verifier.trust import words


@dataclass(frozen=True)
class ChainTrust:
    """What the auditor knows of the chain; None where it is taken from the file."""

    rpc: Rpc | None = None
    chain_id: int | None = None
    contract: bytes | None = None
    log_id: bytes | None = None


def check_anchors(
    verdict: Verdict, chain: ChainTrust, newest: Checkpoint, anchors: Mapping[int, Any], consistent: Consistent
) -> None:
    """Check each anchor alone, against the file's checkpoints, and against its fellows.

    Raises
    ------
    FormatError
        If evidence is malformed.
    Unreadable
        If the node that was named does not answer.
    """
    if not anchors:
        say = verdict.unchecked if chain.rpc else verdict.open
        say("anchor", "The file holds no anchor on a chain.")
        return
    facts: list[tuple[AnchorEvidence, AnchorFact]] = []
    for size, value in sorted(anchors.items()):
        evidence = parse_evidence(value)
        try:
            fact = _check_one(verdict, chain, size, evidence)
            if fact is None:
                continue
            _check_root(fact, newest, consistent)
        except VerificationError as error:
            verdict.false("anchor", f"The anchor of {size} entries is false: {error}.")
            continue
        facts.append((evidence, fact))
        _tell(verdict, chain, evidence, fact)
    _check_chain(verdict, [fact for _, fact in facts if fact.seq])
    if facts and chain.contract is None:
        contract = facts[0][0].contract.hex()
        verdict.open(
            "anchor",
            f"That 0x{contract} is the contract of this log's anchors was taken from the file. Compare the address "
            "with one from elsewhere, or give it with --contract.",
        )


def _check_one(verdict: Verdict, chain: ChainTrust, size: int, evidence: AnchorEvidence) -> AnchorFact | None:
    for name, expected, got in (
        ("chain", chain.chain_id, evidence.chain_id),
        ("contract", chain.contract and chain.contract.hex(), evidence.contract.hex()),
        ("log id", chain.log_id and chain.log_id.hex(), evidence.log_id.hex()),
    ):
        if expected is not None and expected != got:
            raise VerificationError(f"expected the {name} {expected}, got {got}")
    receipts_root = _ask(chain.rpc, evidence) if chain.rpc else None
    if receipts_root is None and (evidence.header is None or not evidence.receipt_proof):
        verdict.open(
            "anchor",
            f"The anchor of {size} entries was not checked: its evidence has no block header that hashes as usual, or "
            "no receipt, so only a node can tell. Give one with --rpc.",
        )
        return None
    root = None
    if chain.rpc:
        root = chain.rpc.call(evidence.contract, ROOT_AT_SIZE + evidence.log_id + size.to_bytes(32, "big"))
    if root is not None and not evidence.receipt_proof:
        return AnchorFact(evidence.log_id, size, 0, root, b"")  # on the contract's word to your node alone
    fact = verify_anchor(evidence, receipts_root=receipts_root)
    if fact.tree_size != size:
        raise VerificationError(f"the receipt anchors a tree of {fact.tree_size} entries")
    if root not in (None, fact.root):
        raise VerificationError("the contract now gives another root for this size")
    return fact


def _ask(rpc: Rpc, evidence: AnchorEvidence) -> bytes:
    """The receipts root of the block, by the auditor's own node."""
    if (chain_id := rpc.chain_id()) != evidence.chain_id:
        raise VerificationError(f"it is of chain {evidence.chain_id}, your node is of chain {chain_id}")
    block = rpc.block(evidence.block_number)
    if block is None or block[0] != evidence.block_hash:
        raise VerificationError(
            f"block {evidence.block_number} of the chain is another one than {evidence.block_hash.hex()}"
        )
    if rpc.place(evidence.tx_hash) != (evidence.block_hash, evidence.receipt_index):
        raise VerificationError("the chain does not hold its transaction at that place")
    return block[1]


def _check_root(fact: AnchorFact, newest: Checkpoint, consistent: Consistent) -> None:
    if fact.tree_size > newest.size:
        raise VerificationError(
            f"the chain holds {fact.tree_size} entries, the newest checkpoint of the file only {newest.size}"
        )
    if fact.tree_size == newest.size:
        if fact.root != newest.root:
            raise VerificationError(f"the chain holds another root for {fact.tree_size} entries than the log signed")
        return
    if not consistent(Checkpoint(newest.origin, fact.tree_size, fact.root)):
        raise VerificationError("the file holds no proof that the log begins with the anchored tree")


def _check_chain(verdict: Verdict, facts: list[AnchorFact]) -> None:
    """Anchors of one log follow one another: a later number has a larger tree and names the root before it."""
    for before, after in zip(facts, facts[1:], strict=False):
        follows = after.seq == before.seq + 1
        if after.seq <= before.seq or (follows and after.prev_root != before.root):
            verdict.false(
                "anchor", f"The anchors of {before.tree_size} and {after.tree_size} entries contradict one another."
            )


def _tell(verdict: Verdict, chain: ChainTrust, evidence: AnchorEvidence, fact: AnchorFact) -> None:
    try:
        when = words(datetime.fromtimestamp(evidence.block_time, UTC))
    except (OverflowError, ValueError, OSError):
        raise FormatError(f"expected a block time in POSIX seconds, got {evidence.block_time}") from None
    verdict.facts.setdefault("anchors", []).append(
        {"size": fact.tree_size, "chain_id": evidence.chain_id, "contract": "0x" + evidence.contract.hex(),
         "block_number": evidence.block_number, "block_hash": "0x" + evidence.block_hash.hex(),
         "block_time": evidence.block_time, "on_chain": chain.rpc is not None}
    )  # fmt: skip
    block = f"block {evidence.block_number} of chain {evidence.chain_id} ({when})"
    if chain.rpc:
        verdict.verified(
            "anchor",
            f"The root of the first {fact.tree_size} entries stands in {block}, and your node confirms the block, the "
            "transaction and the contract's answer.",
        )
        return
    verdict.verified(
        "anchor", f"The evidence puts the root of the first {fact.tree_size} entries into {block}; it fits the header."
    )
    verdict.open(
        "anchor",
        f"Whether 0x{evidence.block_hash.hex()} is block {evidence.block_number} of that chain was not checked: it "
        "takes a node that you trust (--rpc), or a look at any block explorer of the chain.",
    )
