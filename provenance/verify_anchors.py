"""Anchors held against the entries, their own evidence and the mirror of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from provenance.domain.errors import LedgerError, VerificationError
from provenance.domain.evm import AnchorFact, parse_evidence, verify_anchor
from provenance.domain.keccak import keccak256
from provenance.models import Anchor, ChainState

if TYPE_CHECKING:
    from provenance.verification import Verification

Registry = tuple[int, str, str]  # chain, contract, log


def anchors_check(found: Verification, roots: Mapping[int, bytes]) -> None:
    """Check every final anchor, and that none is missing between the first and the chain's head."""
    chain, facts = ChainState.objects.first(), []
    anchors = Anchor.objects.filter(state=Anchor.State.FINAL).select_related("checkpoint").order_by("checkpoint_id")
    newest: tuple[int, Registry] | None = None
    for anchor in anchors:
        found.anchors += 1
        try:
            if roots.get(anchor.checkpoint_id) != bytes(anchor.checkpoint.root):
                raise VerificationError("the entries give another root than the one that was anchored")
            registry, fact = _evidence(anchor)
            newest = (anchor.checkpoint_id, registry)
            if fact is None:
                found.unchecked_anchors += 1
            else:
                facts.append((registry, fact))
        except LedgerError as error:
            found.problems.append(f"anchor {anchor.checkpoint_id}: {error}")
    _check_sequence(found, facts)
    _check_head(found, roots, chain, newest)


def _evidence(anchor: Anchor) -> tuple[Registry, AnchorFact | None]:
    """What the stored receipt proves, held against the row; no fact where only a node can tell."""
    evidence = parse_evidence(anchor.receipt)
    if (anchor.tx_hash, anchor.block_number) != ("0x" + evidence.tx_hash.hex(), evidence.block_number):
        raise VerificationError("the row names another transaction or block than its evidence")
    if anchor.raw_tx and keccak256(bytes(anchor.raw_tx)) != evidence.tx_hash:
        raise VerificationError("the stored transaction is another one than its evidence names")
    registry = (evidence.chain_id, "0x" + evidence.contract.hex(), "0x" + evidence.log_id.hex())
    if evidence.header is None:
        return registry, None
    fact = verify_anchor(evidence)
    said = (anchor.checkpoint_id, bytes(anchor.checkpoint.root), bytes(anchor.prev_root))
    if (fact.tree_size, fact.root, fact.prev_root) != said:
        raise VerificationError(f"its receipt anchors {fact.tree_size} entries under {fact.root.hex()}")
    return registry, fact


def _check_sequence(found: Verification, facts: list[tuple[Registry, AnchorFact]]) -> None:
    """The contract numbers the anchors of a log: a number that is skipped is an anchor that is gone from here."""
    for _, group in groupby(facts, key=lambda item: item[0]):
        before: AnchorFact | None = None
        for _, fact in group:
            expected = before.seq + 1 if before else 1
            if fact.seq != expected and not found.unchecked_anchors:
                found.problems.append(f"the anchors {expected} to {fact.seq - 1} of the chain are missing here")
            elif before is not None and fact.seq == expected and fact.prev_root != before.root:
                found.problems.append(f"anchor {fact.tree_size} does not follow the one before it")
            before = fact


def _check_head(
    found: Verification,
    roots: Mapping[int, bytes],
    chain: ChainState | None,
    newest: tuple[int, Registry] | None,
) -> None:
    if chain is None:
        if found.anchors:
            found.problems.append("there are final anchors, and the mirror of the chain that holds them is gone")
        return
    found.anchored_size = chain.head_size
    if chain.head_size > found.entries:
        found.problems.append(
            f"{chain.head_size} entries are anchored, only {found.entries} are here: entries are lost"
        )
    elif chain.head_size and roots.get(chain.head_size) != bytes(chain.head_root):
        found.problems.append(f"the chain's head at {chain.head_size} is another root than the entries give")
    if chain.head_size != (newest[0] if newest else 0):
        found.problems.append(f"the chain's head at {chain.head_size} has no final anchor here")
    elif newest is not None and newest[1] != (chain.chain_id, chain.contract.lower(), chain.log_id.lower()):
        found.problems.append("the newest anchor is of another chain, contract or log than the mirror names")
