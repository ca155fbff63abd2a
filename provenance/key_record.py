"""The ledger's own record of the log's keys: made, ending, retired. The files (provenance.keys) are what signs."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.context import governed
from provenance import keys
from provenance.domain.note import parse_note
from provenance.models import Checkpoint, LogKey


def keys_record() -> None:
    """Write down each generation of keys that the log does not know, or knows otherwise."""
    known = {row.number: row for row in LogKey.objects.all()}
    for generation in keys.generations():
        until = datetime.fromisoformat(generation.signs_until) if generation.signs_until else None
        values = {
            "ed25519": generation.vkeys[0], "mldsa44": generation.vkeys[1], "signs_until": until,
            "last_size": generation.last_size,
        }  # fmt: skip
        row = known.get(generation.number)
        if row is None or any(getattr(row, name) != value for name, value in values.items()):
            with governed(action="log_key.record"):
                LogKey.objects.update_or_create(number=generation.number, defaults=values)


def keys_rotate(*, overlap: timedelta, reason: str) -> keys.Generation:
    """Make new keys; the old ones go on signing beside them until the overlap ends."""
    made = keys.rotate(overlap=overlap)
    with governed(action="log_key.rotate", reason=reason):
        keys_record()
    return made


def keys_retire() -> None:
    """Close the generations whose overlap is over."""
    if keys.retire(_last_signed):
        with governed(action="log_key.retire"):
            keys_record()


def _last_signed(generation: keys.Generation) -> int:
    """The size of the newest checkpoint that bears a generation's signatures; 0 if none does."""
    wanted = {(key.name, key.key_id) for key in generation.verifiers}
    for size, note in Checkpoint.objects.order_by("-size").values_list("size", "note").iterator(chunk_size=100):
        if wanted <= {(line.name, line.key_id) for line in parse_note(note.encode()).signatures}:
            return size
    return 0
