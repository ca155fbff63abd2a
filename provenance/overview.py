"""What stands under the sections of the ledger beside its entries: checkpoints, keys, witnesses, anchors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _

from provenance import keys, witnesses
from provenance.domain.evm import VERSION as EVIDENCE_VERSION
from provenance.models import Anchor, Checkpoint, Cosignature, Witness, WitnessState
from provenance.paging import Stretch, stretch
from provenance.verifier import package

PAGE = 30
_ALARMS = frozenset({WitnessState.Problem.SPLIT, WitnessState.Problem.AHEAD, WitnessState.Problem.FALSE})


# --- checkpoints and keys ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signed:
    """A checkpoint and the names of the witnesses that cosigned it."""

    checkpoint: Checkpoint
    cosigned_by: list[str]


@dataclass(frozen=True)
class KeyGeneration:
    """One Ed25519 and one ML-DSA-44 key of the log, and for how long they sign."""

    number: int
    vkeys: tuple[str, ...]
    made_at: datetime
    signs_until: datetime | None
    last_size: int | None
    signs_now: bool


def checkpoints_page(*, before: int | None, after: int | None) -> Stretch[Signed]:
    """Checkpoints, newest first, with their cosigners."""
    page = stretch(Checkpoint.objects.all(), key="size", size=PAGE, before=before, after=after)
    names: dict[int, list[str]] = {}
    found = Cosignature.objects.filter(checkpoint__in=page.rows).order_by("witness__name")
    for size, name in found.values_list("checkpoint_id", "witness__name").distinct():
        names.setdefault(size, []).append(name)
    rows = [Signed(checkpoint, names.get(checkpoint.size, [])) for checkpoint in page.rows]
    return Stretch(rows, page.newer, page.older, page.first, page.last)


def key_generations() -> list[KeyGeneration]:
    """Every generation of the log's keys, newest first."""
    now = datetime.now(UTC)
    return [
        KeyGeneration(
            number=item.number,
            vkeys=item.vkeys,
            made_at=datetime.fromisoformat(item.made_at),
            signs_until=datetime.fromisoformat(item.signs_until) if item.signs_until else None,
            last_size=item.last_size,
            signs_now=item.signs(now),
        )
        for item in reversed(keys.generations())
    ]


def signing_vkeys() -> list[str]:
    """The public keys that sign now, newest generation first: in an overlap there are two of each kind."""
    return [vkey for generation in key_generations() if generation.signs_now for vkey in generation.vkeys]


# --- witnesses -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WitnessLine:
    """A witness and how far it is behind."""

    row: witnesses.WitnessRow
    waiting_since: datetime | None  # when the first checkpoint was signed that it has not cosigned

    @property
    def is_alarm(self) -> bool:
        return self.row.problem in _ALARMS

    @property
    def state(self) -> str:
        if self.is_alarm:
            return "compromised"
        if not self.row.is_active:
            return "inactive"
        if self.row.problem:
            return "warning"
        return "cosigned" if self.row.size else "pending"


@dataclass(frozen=True)
class Witnessed:
    """How far the witnesses together have seen the log."""

    witnesses: int  # active ones
    size: int  # entries under the newest cosigned checkpoint
    behind: int  # entries in the log beyond it
    alarms: int  # witnesses whose finding must be looked into


def witness_lines() -> list[WitnessLine]:
    """Every witness, those with an alarm first."""
    found = []
    for row in witnesses.witness_rows():
        later = Checkpoint.objects.filter(size__gt=row.size).order_by("size").first()
        found.append(WitnessLine(row, later.created_at if later and row.is_active else None))
    return sorted(found, key=lambda line: (not line.is_alarm, not line.row.is_active, line.row.name))


def witnessed_up_to(entries: int) -> Witnessed:
    """The figure for the head of every page of the ledger."""
    newest = witnesses.newest_cosigned()
    size = newest.size if newest else 0
    states = WitnessState.objects.filter(witness__is_active=True)
    return Witnessed(
        witnesses=Witness.objects.filter(is_active=True).count(),
        size=size,
        behind=max(0, entries - size),
        alarms=states.filter(problem__in=_ALARMS).count(),
    )


# --- anchors -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Anchored:
    """An anchor, and what is kept to show it without the chain."""

    anchor: Anchor
    attempts: int
    state: str  # of core.tones
    evidence: str  # in words
    is_kept: bool


def anchors_page(*, before: int | None, after: int | None) -> Stretch[Anchored]:
    """Anchors, newest first."""
    anchors = Anchor.objects.annotate(tries=Count("attempts"))
    page = stretch(anchors, key="checkpoint_id", size=PAGE, before=before, after=after)
    return Stretch([_anchored(anchor) for anchor in page.rows], page.newer, page.older, page.first, page.last)


def anchors_drawn(count: int) -> Sequence[Anchor]:
    """The newest final anchors, oldest first."""
    final = Anchor.objects.filter(state=Anchor.State.FINAL).select_related("checkpoint").defer("receipt", "raw_tx")
    return list(final.order_by("-checkpoint_id")[:count])[::-1]


def _anchored(anchor: Any) -> Anchored:
    state = {"final": "anchored", "signed": "anchoring"}.get(anchor.state, "failed")
    words, is_kept = _evidence(anchor)
    return Anchored(anchor, anchor.tries, state, words, is_kept)


def _evidence(anchor: Anchor) -> tuple[str, bool]:
    receipt = anchor.receipt
    if anchor.state != Anchor.State.FINAL:
        return _("none before it is final"), False
    if not isinstance(receipt, dict) or receipt.get("v") != EVIDENCE_VERSION:
        return _("not kept: it was anchored before evidence was"), False
    if receipt.get("header") is None:
        return _("incomplete: %(reason)s") % {
            "reason": receipt.get("reason") or _("the chain gave no header that can be checked")
        }, False
    return _("header, receipt and the path between them"), True


# --- the verifier --------------------------------------------------------------------------------------------------


@cache
def verifier_program() -> bytes:
    """The offline verifier as one file; the same bytes from the same sources."""
    return package.build()


@cache
def verifier_digest() -> str:
    """SHA-256 of it, to compare with a copy from elsewhere."""
    return hashlib.sha256(verifier_program()).hexdigest()
