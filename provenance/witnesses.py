"""The log's side of witnessing: who is asked, for what, and who has witnessed what.

What an answer is worth is in witness_answers.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Institution
from core.context import governed
from core.errors import ApplicationError, Conflict
from provenance import keys
from provenance.domain.cosignature import TYPE_ED25519_COSIGNATURE, TYPE_MLDSA44, verifier_from_vkey
from provenance.domain.errors import FormatError, LedgerError
from provenance.domain.note import MAX_NOTE_BYTES, MAX_SIGNATURES, decode_vkey, parse_note
from provenance.domain.witness import Request, check_signed, format_request
from provenance.models import Checkpoint, Cosignature, Witness, WitnessState
from provenance.reading import prove_consistency

Problem = WitnessState.Problem
MAX_KEYS = 4
MAX_NAME = 200  # characters of a name and of an address, as the table has room for


@dataclass(frozen=True)
class Ask:
    """One add-checkpoint request to one witness."""

    old_size: int
    size: int
    data: bytes


@dataclass(frozen=True)
class WitnessedTree:
    """What some witness holds of this log, by its own word."""

    size: int
    root: bytes | None  # None: the witness names a size that was never signed here, and shows no checkpoint
    name: str


@dataclass(frozen=True)
class WitnessRow:
    """A witness, for the page."""

    name: str
    institution: str  # "" for a stranger
    via: str  # the site's code, or the URL
    is_active: bool
    size: int  # entries under its last cosignature; 0 if it never cosigned
    lag_entries: int  # in the newest checkpoint and not yet witnessed
    cosigned_at: datetime | None
    asked_at: datetime | None
    problem: str  # WitnessState.Problem
    problem_words: str
    problem_text: str
    vkeys: tuple[str, ...]


# --- who ------------------------------------------------------------------------------------------------------------


def witness_register(
    *, name: str, vkeys: Sequence[str], institution: Institution | None = None, site: str = "", url: str = "",
    actor: uuid.UUID | None = None, reason: str = "",
) -> Witness:  # fmt: skip
    """Record a witness's keys, or the new keys of one that is known. The same again changes nothing.

    Raises
    ------
    ApplicationError
        If the keys are not cosigning keys of that name, or not exactly one of `site` and `url` is given.
    Conflict
        If the name belongs to another witness.
    """
    _check_keys(name, vkeys)
    if bool(site) == bool(url):
        raise ApplicationError("Give a witness either the site whose worker it is, or the address it is asked at.")
    if url and (len(url) > MAX_NAME or not url.startswith(("https://", "http://"))):
        raise ApplicationError(
            gettext(
                "Expected an address of at most %(max_name)s characters that begins with https:// or http://, "
                "got %(n)s: %(url)s."
            )
            % {"max_name": MAX_NAME, "n": len(url), "url": f"{url[:80]!r}"}
        )
    text = "".join(f"{vkey}\n" for vkey in sorted(set(vkeys)))
    wanted = {"name": name, "vkeys": text, "institution": institution, "site": site, "url": url.rstrip("/")}
    if (same := Witness.objects.filter(**wanted).first()) is not None:
        return same
    with governed(action="witness.register", actor=actor, reason=reason):
        known = Witness.objects.select_for_update().filter(**({"site": site} if site else {"name": name})).first()
        if (taken := Witness.objects.filter(name=name).first()) is not None and (known != taken or taken.site != site):
            raise Conflict(gettext("The name %(name)s belongs to another witness.") % {"name": name})
        if known is None:
            known = Witness.objects.create(**wanted)
        elif changed := [field for field, value in wanted.items() if getattr(known, field) != value]:
            for field in changed:
                setattr(known, field, wanted[field])
            known.save(update_fields=changed)
        WitnessState.objects.get_or_create(witness=known)
    return known


def witness_set_active(*, witness: Witness, is_active: bool, actor: uuid.UUID | None, reason: str) -> None:
    """Ask a witness no more, or again. One set aside no longer stops the signing by a size that it merely names."""
    action = "witness.activate" if is_active else "witness.deactivate"
    with governed(action=action, actor=actor, reason=reason):
        witness.is_active = is_active
        witness.save(update_fields=["is_active"])


def _check_keys(name: str, vkeys: Sequence[str]) -> None:
    if len(name) > MAX_NAME:
        raise ApplicationError(
            gettext("Expected a witness's name of at most %(max_name)s characters, got %(n)s.")
            % {"max_name": MAX_NAME, "n": len(name)}
        )
    try:
        kinds = [(owner, kind) for owner, kind, _ in map(decode_vkey, vkeys)]
        key_ids = {verifier_from_vkey(vkey).key_id for vkey in vkeys}
    except FormatError as error:
        raise ApplicationError(gettext("Not a witness's key: %(error)s") % {"error": error}) from error
    if not 1 <= len(kinds) <= MAX_KEYS or any(
        owner != name or kind not in (TYPE_ED25519_COSIGNATURE, TYPE_MLDSA44) for owner, kind in kinds
    ):
        raise ApplicationError(
            gettext("Expected one to %(max_keys)s cosigning keys (types 0x04, 0x06) of %(name)s, got %(kinds)s.")
            % {"max_keys": MAX_KEYS, "name": name, "kinds": kinds}
        )
    if len(key_ids) != len(set(vkeys)):
        raise ApplicationError(
            gettext("Two keys of %(name)s have one key id, so their signatures cannot be told apart.") % {"name": name}
        )
    if name == settings.LOG_ORIGIN:
        raise ApplicationError("The log cannot be its own witness.")


# --- asking ---------------------------------------------------------------------------------------------------------


def next_ask(witness: Witness | None) -> Ask | None:
    """What to ask a witness now: to cosign the newest checkpoint, and nothing older. None if it has.

    A witness that is not known yet is asked as if it had never seen the log; its answer says what it has.
    """
    newest = Checkpoint.objects.first()
    if newest is None:
        return None
    state = WitnessState.objects.filter(witness=witness).first() if witness is not None else None
    held = min(state.size, newest.size) if state is not None else 0
    if (
        state is not None
        and state.size == newest.size
        and not state.problem
        and Cosignature.objects.filter(witness=witness, checkpoint=newest).exists()
    ):
        return None
    request = Request(held, tuple(prove_consistency(held, newest.size)), newest.note.encode())
    return Ask(held, newest.size, format_request(request))


def key_rotations() -> list[dict]:
    """For each change of the log's keys, the new keys and a checkpoint that the old and the new ones signed.

    A witness pinned to any generation can follow from there. A generation that stopped before the next one began to
    sign vouches for nothing, and is left out.
    """
    found, generations = [], keys.generations()
    for number, (old, new) in enumerate(zip(generations, generations[1:], strict=False), 1):
        last = _last_of(old, generations[number:])
        if last is None:
            continue
        try:
            check_signed(last.note.encode(), [*old.verifiers, *new.verifiers])
        except LedgerError:
            continue
        found.append({"vkeys": list(new.vkeys), "note": last.note})
    return found


def _last_of(old: keys.Generation, later: Sequence[keys.Generation]) -> Checkpoint | None:
    """The newest checkpoint that a generation signed. When its overlap ends, later ones already carry only new keys.

    Up to its last checkpoint none is signed by later generations without it, and after that all are: so the sizes are
    halved, after steps back that double, for the end is mostly near. Some two queries for each bit of the size.
    """
    signed = Checkpoint.objects.all()
    if old.last_size is not None:
        signed = signed.filter(size__lte=old.last_size)
    newest = signed.first()
    low, high, step, found = 0, newest.size if newest is not None else -1, 0, None
    while low <= high:
        middle = (low + high) // 2 if low else max(0, high - step)
        step = 2 * step or 1
        row = signed.filter(size__lte=middle).first()
        if row is None:
            low = middle + 1
        elif not _has_signed(old, row) and any(_has_signed(generation, row) for generation in later):
            high = row.size - 1
        else:
            found, low = row, middle + 1
    return found


def _has_signed(generation: keys.Generation, checkpoint: Checkpoint) -> bool:
    """Whether the lines of a generation are there, by their key ids; nothing is verified."""
    lines = {(line.name, line.key_id) for line in parse_note(checkpoint.note.encode()).signatures}
    return all((key.name, key.key_id) in lines for key in generation.verifiers)


def witness_asked(witness: Witness) -> None:
    """Remember when it was asked."""
    WitnessState.objects.filter(witness=witness).update(asked_at=timezone.now())


def witness_silent(witness: Witness, why: str) -> None:
    """It did not answer. What it holds stays as it was; a worse finding is not covered up."""
    WitnessState.objects.filter(witness=witness, problem__in=[Problem.NONE, Problem.AWAY]).update(
        problem=Problem.AWAY, problem_text=why[:500]
    )


# --- who has witnessed what -----------------------------------------------------------------------------------------


def witnessed_trees() -> list[WitnessedTree]:
    """What signing must not contradict: the largest tree of each witness, each tree once, largest first.

    A witness that only names a size is taken to mean the tree that was signed here at that size. If there was none, the
    root is unknown, and signing on would bet the log on the witness's lying.
    """
    counted = Q(witness__is_active=True) | ~Q(highest_note="")
    states = list(WitnessState.objects.filter(counted, highest__gt=0).select_related("witness").order_by("-highest"))
    named = [state.highest for state in states if not state.highest_root]
    own = dict(Checkpoint.objects.filter(size__in=named).values_list("size", "root")) if named else {}
    found: dict[tuple[int, bytes], WitnessedTree] = {}
    for state in states:
        root = bytes(state.highest_root or own.get(state.highest) or b"")
        found.setdefault((state.highest, root), WitnessedTree(state.highest, root or None, state.witness.name))
    return list(found.values())


def highest_witnessed() -> int:
    """The largest tree that any witness holds, by its word or by its cosignature; 0 if nobody has witnessed."""
    cosigned = Cosignature.objects.aggregate(size=Max("checkpoint_id"))["size"] or 0
    return max([cosigned, *(tree.size for tree in witnessed_trees())])


def cosigned_note(checkpoint: Checkpoint) -> bytes:
    """The checkpoint with the log's signatures and the cosignatures of the active witnesses.

    Each witness's post-quantum line comes before any second line, in case there are more than a note may carry.
    """
    note = checkpoint.note.encode()
    found = Cosignature.objects.filter(checkpoint=checkpoint, witness__is_active=True).select_related("witness")
    kinds = {key.key_id.hex(): decode_vkey(key.vkey)[1] for row in found for key in row.witness.verifiers}
    lines = [row.line.encode() for row in sorted(found, key=lambda row: (-kinds.get(row.key_id, 0), row.witness.name))]
    room = MAX_SIGNATURES - note.count("\n\u2014 ".encode())
    for line in lines[:room]:
        if len(note) + len(line) <= MAX_NOTE_BYTES:
            note += line
    return note


def newest_cosigned(*, quorum: int = 1) -> Checkpoint | None:
    """The newest checkpoint that at least this many active witnesses have cosigned."""
    counted = (
        Cosignature.objects.filter(witness__is_active=True)
        .order_by("-checkpoint_id")
        .values("checkpoint_id")
        .annotate(n=Count("witness_id", distinct=True))
        .filter(n__gte=quorum)
    )
    row = counted.first()
    return Checkpoint.objects.get(size=row["checkpoint_id"]) if row else None


def witness_rows() -> list[WitnessRow]:
    """Every witness and how far it has seen the log, for the page."""
    newest = Checkpoint.objects.aggregate(size=Max("size"))["size"] or 0
    cosigned = dict(Cosignature.objects.order_by().values_list("witness_id").annotate(size=Max("checkpoint_id")))
    rows = []
    for witness in Witness.objects.select_related("institution", "state"):
        state = getattr(witness, "state", None) or WitnessState(witness=witness)
        size = cosigned.get(witness.id, 0)
        rows.append(
            WitnessRow(
                name=witness.name,
                institution=witness.institution.name if witness.institution else "",
                via=witness.site or witness.url,
                is_active=witness.is_active,
                size=size,
                lag_entries=max(0, newest - size),
                cosigned_at=state.cosigned_at,
                asked_at=state.asked_at,
                problem=state.problem,
                problem_words=Problem(state.problem).label if state.problem else "",
                problem_text=state.problem_text,
                vkeys=tuple(witness.vkeys.split()),
            )
        )
    return rows
