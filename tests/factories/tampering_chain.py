"""What an owner can do to the anchors, their evidence, the chain's mirror, and a tail that nobody anchored.

Not in it, for nothing proves them: an anchor's nonce and the time it was confirmed, the mirror's block number, time and
who runs the chain, the number an entry had in the outbox, and a checkpoint that was neither anchored nor cosigned being
gone (its entries are not).
"""

from __future__ import annotations

import random
from collections.abc import Callable

from provenance.models import Anchor
from tests.factories.tampering import ANCHORED, SIZES, Attack, tail_truncated_with_its_checkpoints


def anchor_of_another_checkpoint(a: Attack) -> None:
    """The evidence for one tree shown as evidence for another."""
    a.sql("DELETE FROM provenance_anchorattempt")
    a.sql(
        "UPDATE provenance_anchor SET size = %s WHERE size = %s",
        a.rng.choice([size for size in SIZES if size not in ANCHORED]), a.rng.choice(ANCHORED),
    )  # fmt: skip


def anchor_column(column: str, expression: str) -> Callable[[Attack], None]:
    def change(a: Attack) -> None:
        a.sql(f"UPDATE provenance_anchor SET {column} = {expression} WHERE size = %s", a.rng.choice(ANCHORED))

    change.__name__ = f"anchor_{column}"
    return change


def chain_column(column: str, expression: str) -> Callable[[Attack], None]:
    def change(a: Attack) -> None:
        a.sql(f"UPDATE provenance_chainstate SET {column} = {expression}")

    change.__name__ = f"chain_{column}"
    return change


def receipt(key: str) -> Callable[[Attack], None]:
    """One character of a piece of the stored evidence."""

    def change(a: Attack) -> None:
        size = a.rng.choice(ANCHORED)
        evidence = Anchor.objects.get(checkpoint_id=size).receipt
        value = evidence[key]
        if isinstance(value, int):
            evidence[key] = value + a.rng.randrange(1, 100)
        elif isinstance(value, list):
            evidence[key] = [_other_digit(a.rng, value[0]), *value[1:]]
        else:
            evidence[key] = _other_digit(a.rng, value)
        Anchor.objects.filter(checkpoint_id=size).update(receipt=evidence)

    change.__name__ = f"receipt_{key}"
    return change


def _other_digit(rng: random.Random, text: str) -> str:
    """Another value in one hexadecimal place; an address in EIP-55 has capitals, whose small letters say the same."""
    at = rng.randrange(2, len(text))
    return text[:at] + rng.choice([c for c in "0123456789abcdef" if c != text[at].lower()]) + text[at + 1 :]


def anchor_deleted(a: Attack) -> None:
    a.sql("DELETE FROM provenance_anchorattempt")
    a.sql("DELETE FROM provenance_anchor WHERE size = %s", a.rng.choice(ANCHORED))


def tail_truncated_above_the_anchor(a: Attack) -> None:
    low = a.rng.randrange(ANCHORED[-1], SIZES[-1])
    for table in ("provenance_body", "provenance_entry"):
        a.sql(f"DELETE FROM {table} WHERE seq >= %s", low)
    a.sql("DELETE FROM provenance_cosignature WHERE size > %s", low)
    a.sql("DELETE FROM provenance_checkpoint WHERE size > %s", low)


def tail_truncated_with_chain_mirror(a: Attack) -> None:
    tail_truncated_with_its_checkpoints(a)
    a.sql(
        "UPDATE provenance_chainstate SET head_size = coalesce((SELECT max(size) FROM provenance_anchor), 0), "
        "head_root = coalesce((SELECT root FROM provenance_checkpoint WHERE size = "
        "(SELECT max(size) FROM provenance_anchor)), '')"
    )


def chain_forgotten(a: Attack) -> None:
    a.sql("DELETE FROM provenance_chainstate")


CHAIN_CHANGES: list[Callable[[Attack], None]] = [
    anchor_column("prev_root", "set_bit(prev_root, 5, 1 - get_bit(prev_root, 5))"),
    anchor_column("raw_tx", "set_bit(raw_tx, 99, 1 - get_bit(raw_tx, 99))"),
    anchor_column("tx_hash", "'0x' || md5(tx_hash) || md5(tx_hash)"),
    anchor_column("block_number", "block_number + 1"),
    anchor_column("receipt", "NULL"),
    *[
        receipt(key)
        for key in (
            "v", "chain_id", "contract", "log_id", "tx_hash", "block_number", "block_hash", "block_time", "header",
            "receipt_index", "receipt", "receipt_proof",
        )
    ],
    anchor_of_another_checkpoint, anchor_deleted, tail_truncated_above_the_anchor, tail_truncated_with_chain_mirror,
    chain_forgotten,
    chain_column("chain_id", "chain_id + 1"),
    chain_column("contract", "'0x' || md5(contract) || 'aaaaaaaa'"),
    chain_column("log_id", "'0x' || md5(log_id) || md5(log_id)"),
]  # fmt: skip
