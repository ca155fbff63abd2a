"""What is believed of a witness's answer: a cosignature by its key, a tree by the checkpoint that this log signed.

A size that a witness merely names is not proved, yet it stops the signing too: a log that was restored from an old copy
and signs on is forked for good, while a witness that lies is found, and set aside by an administrator.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from provenance import keys
from provenance.domain.checkpoint import Checkpoint as Statement
from provenance.domain.checkpoint import parse_checkpoint
from provenance.domain.errors import FormatError, LedgerError
from provenance.domain.witness import Answer, check_signed, open_cosignatures, parse_size
from provenance.models import Checkpoint, Cosignature, Witness, WitnessState

Problem = WitnessState.Problem
CLOCK_SECONDS = 300  # how far ahead a witness's clock may be
_HEARD = ["size", "cosigned_at", "answered_at", "problem", "problem_text", "highest", "highest_root", "highest_note"]


def cosignature_record(
    *, witness: Witness, old_size: int, size: int, answer: Answer, latest: bytes = b""
) -> WitnessState:
    """Take a witness's answer: verify and keep its cosignatures, or keep what it says against us.

    Parameters
    ----------
    old_size, size : int
        What it was asked.
    latest : bytes
        The checkpoint that it says it holds, as this log signed it, if it showed one.

    Returns
    -------
    WitnessState
        As stored; `problem` is empty if all is well.
    """
    with transaction.atomic():
        WitnessState.objects.get_or_create(witness=witness)
        state = WitnessState.objects.select_for_update().get(witness=witness)
        state.answered_at = timezone.now()
        state.problem, state.problem_text = Problem.NONE, ""
        if answer.status == 200:
            _take_cosignatures(state, size, answer)
        elif answer.status == 409:
            _take_conflict(state, old_size, size, answer, latest)
        else:
            _take_refusal(state, old_size, answer, latest)
        state.save(update_fields=_HEARD)
        return state


def _problem(state: WitnessState, problem: str, text: str) -> None:
    state.problem, state.problem_text = problem, "".join(c if c.isprintable() else " " for c in text)[:500]


def _take_cosignatures(state: WitnessState, size: int, answer: Answer) -> None:
    checkpoint = Checkpoint.objects.filter(size=size).first()
    if checkpoint is None:
        _problem(state, Problem.FALSE, f"answered for a tree of {size} entries, which was never signed here")
        return
    try:
        lines = open_cosignatures(checkpoint.note.encode(), answer, state.witness.verifiers)
    except LedgerError as error:
        _problem(state, Problem.FALSE, str(error))
        return
    newest = max(verified.timestamp or 0 for _, verified in lines)
    if newest > timezone.now().timestamp() + CLOCK_SECONDS:
        _problem(
            state, Problem.CLOCK, f"its clock shows {datetime.fromtimestamp(min(newest, 2**34), UTC):%Y-%m-%d %H:%M}"
        )
        return
    Cosignature.objects.bulk_create(
        [
            Cosignature(
                witness=state.witness, checkpoint=checkpoint, key_id=line.key_id.hex(), line=line.line,
                timestamp=verified.timestamp or 0,
            )
            for line, verified in lines
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    if size >= state.size:
        state.size, state.cosigned_at = size, datetime.fromtimestamp(newest, UTC)
    _raise(state, size, parse_checkpoint(checkpoint.note.encode()), checkpoint.note)


def _take_refusal(state: WitnessState, old_size: int, answer: Answer, latest: bytes) -> None:
    said = f"answered {answer.status}: {answer.body.decode(errors='replace')[:300].strip()}"
    if answer.status == 422 and old_size > 0:  # we prove from the tree that it says it holds, and it does not follow
        _problem(state, Problem.SPLIT, said)
        _contradict(state, _shown(latest, old_size), latest)
    else:
        _problem(state, Problem.REFUSED, said)


def _take_conflict(state: WitnessState, old_size: int, size: int, answer: Answer, latest: bytes) -> None:
    """409: it holds another size than we believed. Often only an answer got lost; the next request starts there."""
    try:
        claimed = parse_size(answer)
    except FormatError as error:
        _problem(state, Problem.REFUSED, str(error))
        return
    newest = Checkpoint.objects.aggregate(size=Max("size"))["size"] or 0
    shown = _shown(latest, claimed)
    own = Checkpoint.objects.filter(size=claimed).first()
    proof = "and shows the checkpoint that this log signed" if shown is not None else "but shows no checkpoint of it"
    if (claimed == old_size == size) or (shown is not None and own is not None and bytes(own.root) != shown.root):
        _problem(state, Problem.SPLIT, f"holds another tree of {claimed} entries, {proof}")
    elif claimed > newest:
        _problem(state, Problem.AHEAD, f"has cosigned {claimed} entries, {proof}; signed here: {newest}")
    elif claimed and own is None:
        _problem(
            state, Problem.AHEAD, f"has cosigned a tree of {claimed} entries, which was never signed here, {proof}"
        )
    elif claimed < state.size:
        _problem(state, Problem.FORGOT, f"cosigned {state.size} entries and now says {claimed}")
    state.size = claimed
    _raise(state, claimed, shown, latest.decode() if shown is not None else "")
    if state.problem == Problem.SPLIT:
        _contradict(state, shown, latest)


def _shown(latest: bytes, claimed: int) -> Statement | None:
    """The checkpoint that a witness shows, if this log signed it and it is of that size."""
    if not latest:
        return None
    try:
        shown = parse_checkpoint(latest)
        check_signed(latest, keys.verifiers_for(latest))
    except LedgerError:
        return None
    return shown if shown.origin == settings.LOG_ORIGIN and shown.size == claimed else None


def _raise(state: WitnessState, size: int, tree: Statement | None, note: str) -> None:
    """The largest tree never falls. A shown checkpoint replaces a named size, never the other way."""
    if size > state.highest or (size == state.highest and tree is not None and not state.highest_note):
        state.highest = size
        state.highest_root = tree.root if tree is not None else b""
        state.highest_note = note


def _contradict(state: WitnessState, shown: Statement | None, note: bytes) -> None:
    """It shows a checkpoint of another history that this log signed. That convicts the log, and is kept."""
    if shown is not None and shown.size >= state.highest:
        state.highest, state.highest_root, state.highest_note = shown.size, shown.root, note.decode()
