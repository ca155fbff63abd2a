from __future__ import annotations

from django.utils import timezone

from provenance.models import Anchor, AnchorRequest, ChainState, Checkpoint, Entry


def anchor_soon(object_id: object) -> None:
    """Ask, in the caller's transaction, that the newest entry about an object be anchored at the next step.

    Where anchors cost money they wait for CHAIN_ANCHOR_SECONDS; what is asked for here does not.
    """
    AnchorRequest.objects.update_or_create(
        object_id=str(object_id), defaults={"asked_at": timezone.now(), "met_at": None}
    )


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
