from __future__ import annotations

from provenance.models import Anchor, ChainState, Checkpoint, Entry


def ledger_status() -> dict:
    """Figures of the ledger page and the report: sizes, lag, chain."""
    checkpoint, chain = Checkpoint.objects.first(), ChainState.objects.first()
    last = Entry.objects.order_by("-seq").first()
    entries = last.seq + 1 if last else 0
    return {
        "entries": entries,
        "last_at": last.at if last else None,
        "checkpoint": checkpoint,
        "chain": chain,
        "anchors": Anchor.objects.filter(state=Anchor.State.FINAL).count(),
        "anchor_lag": entries - (chain.head_size if chain else 0),
    }
