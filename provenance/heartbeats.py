"""A signed sign of life a minute, so that silence shows: numbered without gaps, each with the tree it was made over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core.capture import record
from core.context import governed
from provenance import keys
from provenance.bodies import HEARTBEATS
from provenance.domain.errors import LedgerError
from provenance.domain.note import parse_note, sign_note, verify_note
from provenance.domain.tiles import Frontier
from provenance.models import Body

OBJECT = "log"
LATE = 3  # intervals without a beat that count as silence


def heartbeat_record(frontier: Frontier) -> None:
    """Enter the next heartbeat: number, time, size and root of the tree before it, signed with the log's keys."""
    last = _bodies().order_by("-entry_id").first()
    number = (_beat(last.body).number if last is not None else 0) + 1
    at = timezone.now()
    text = f"{settings.LOG_ORIGIN}/heartbeat\n{number}\n{at.isoformat()}\n{frontier.size}\n{frontier.root().hex()}\n"
    note = sign_note(text, keys.log_signers()[:1]).decode()  # Ed25519: the checkpoint over it is post-quantum
    with governed(action="heartbeat"):
        record(table=HEARTBEATS, operation="HEARTBEAT", object_id=OBJECT, body={"note": note})


@dataclass(frozen=True)
class Beat:
    """One heartbeat as it was read back."""

    number: int
    at: datetime
    size: int
    root: bytes
    signed: bool


@dataclass(frozen=True)
class Pulse:
    """What the heartbeats of a period say."""

    beats: int
    last: Beat | None
    longest_silence: timedelta | None  # between two beats, or since the last one
    missing: int  # numbers that were skipped
    repeated: int  # beats whose number does not follow the one before
    unsigned: int  # beats whose signature is not the log's

    @property
    def steady(self) -> bool:
        late = timedelta(seconds=LATE * settings.HEARTBEAT_SECONDS)
        quiet = self.longest_silence is not None and self.longest_silence <= late
        return bool(self.beats) and quiet and not (self.missing or self.repeated or self.unsigned)


def pulse(*, hours: float = 24) -> Pulse:
    """Read the heartbeats of the last hours, and the one before them: a silence may begin earlier."""
    now = timezone.now()
    since = now - timedelta(hours=hours)
    bodies = list(_bodies().filter(entry__at__gte=since).order_by("entry_id"))
    before = _bodies().filter(entry__at__lt=since).order_by("-entry_id").first()
    beats = [_beat(body.body) for body in ([before] if before else []) + bodies]
    times = [beat.at for beat in beats] + [now]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    steps = [later.number - earlier.number for earlier, later in zip(beats, beats[1:], strict=False)]
    return Pulse(
        beats=len(bodies),
        last=beats[-1] if beats else None,
        longest_silence=max(gaps, default=None),
        missing=sum(step - 1 for step in steps if step > 1),
        repeated=sum(step < 1 for step in steps),
        unsigned=sum(not beat.signed for beat in beats),
    )


def _bodies():
    return Body.objects.filter(entry__table=HEARTBEATS, entry__object_id=OBJECT, entry__operation="HEARTBEAT")


def _beat(body: str) -> Beat:
    try:
        note = parse_note(json.loads(body)["row"]["note"].encode())
        _, number, at, size, root = note.text.rstrip("\n").split("\n")
        when = parse_datetime(at)
        if when is None:
            raise ValueError(at)
        return Beat(int(number), when, int(size), bytes.fromhex(root), _is_signed(note))
    except (LedgerError, ValueError, KeyError, TypeError, AttributeError):
        return Beat(0, datetime.fromtimestamp(0, tz=timezone.get_default_timezone()), 0, b"", False)


def _is_signed(note) -> bool:
    verifiers = [verifier for generation in keys.generations() for verifier in generation.verifiers]
    try:
        verify_note(note, verifiers)
    except LedgerError:
        return False
    return True
