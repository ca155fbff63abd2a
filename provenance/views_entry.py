"""One entry, one object, and what may be taken away: proofs, leaves, checkpoints, bundles, the verifier."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from accounts.access import requires
from core.errors import Conflict
from provenance import drawing, exploring, objects, overview, presentation, reading, witnesses
from provenance.bodies import story_read
from provenance.models import Anchor, ChainState, Checkpoint, Entry
from provenance.paging import key_given

TEXT = "text/plain; charset=utf-8"


@require_GET
@requires("ledger.view")
def ledger_entry(request: HttpRequest, seq: int) -> HttpResponse:
    """One entry, its proof checked now, and what it commits to."""
    entry = get_object_or_404(Entry, seq=seq)
    evidence = presentation.evidence(entry)
    opened = presentation.body_read(entry=entry, user=request.user)
    chain, unrecorded = ChainState.objects.first(), bool(exploring.unrecorded([seq]))
    witness_words, anchor_words = _witness_words(evidence), _anchor_words(evidence.inclusion.anchor)
    context = {
        "entry": entry,
        "entry_name": _("Entry %(n)s") % {"n": seq},
        "evidence": evidence,
        "opened": opened,
        "sentence": presentation.sentence(entry, opened, unrecorded=unrecorded),
        "record": presentation.tables().get(entry.table, entry.table),
        "operation": presentation.OPERATIONS.get(entry.operation, entry.operation),
        "unrecorded": unrecorded,
        "proof": drawing.proof_chart(evidence, anchor_words=anchor_words, witness_words=witness_words),
        "others": Entry.objects.filter(object_id=entry.object_id).exclude(seq=seq).order_by("-seq")[:8],
        "previous": seq - 1 if seq else None,
        "following": seq + 1 if Entry.objects.filter(seq=seq + 1).exists() else None,
        "chain": chain,
        "embedded_note": presentation.EMBEDDED_NOTE,
    }
    return render(request, "provenance/entry.html", context)


def _witness_words(evidence: presentation.Evidence) -> str:
    count = len(evidence.witnessed_by)
    if not count:
        return _("Witnessed by nobody else yet")
    return ngettext("Witnessed by %(n)s other", "Witnessed by %(n)s others", count) % {"n": count}


def _anchor_words(anchor: Anchor | None) -> str:
    if anchor is None:
        return _("Not anchored on a chain yet")
    return _("Anchored on the chain in block %(block)s") % {"block": anchor.block_number}


@require_GET
@requires("ledger.view")
def ledger_leaf(request: HttpRequest, seq: int) -> HttpResponse:
    """The leaf's bytes, which a proof file proves."""
    entry = get_object_or_404(Entry, seq=seq)
    return _attachment(bytes(entry.leaf), f"entry-{seq}.json", "application/json")


@require_GET
@requires("ledger.view")
def ledger_proof(request: HttpRequest, seq: int) -> HttpResponse:
    """The entry's proof, for checking without us (C2SP tlog-proof)."""
    inclusion = reading.prove(get_object_or_404(Entry, seq=seq))
    if inclusion.checkpoint is None:
        raise Conflict("No signed checkpoint covers this entry yet. That takes a second or two: try again.")
    return _attachment(presentation.proof_file(inclusion), f"entry-{seq}.tlog-proof", TEXT)


@require_GET
@requires("ledger.view")
def ledger_checkpoint(request: HttpRequest, size: int) -> HttpResponse:
    """A signed checkpoint with the witnesses' cosignatures, for keeping elsewhere."""
    checkpoint = get_object_or_404(Checkpoint, size=size)
    return _attachment(witnesses.cosigned_note(checkpoint), f"checkpoint-{size}.txt", TEXT)


@require_GET
@requires("ledger.view")
def ledger_object(request: HttpRequest, object_id: str) -> HttpResponse:
    """Everything the log has about one object, in order."""
    try:
        about = objects.about(object_id)
    except objects.NotInLedger as error:
        return render(request, "provenance/object_missing.html", {"message": error.message}, status=404)
    entries, following = objects.history(about, after=key_given(request, "after"))
    opened = story_read(entries=entries, user=request.user)
    rows = presentation.rows_of(entries, exploring.unrecorded([entry.seq for entry in entries]))
    told = [opened.get(row.entry.seq) for row in rows]
    words = [
        presentation.sentence(row.entry, body, unrecorded=row.unrecorded) for row, body in zip(rows, told, strict=True)
    ]
    context = {
        "about": about,
        "story": list(zip(rows, words, told, strict=True)),
        "following": following,
        "is_start": "after" not in request.GET,
        "may_read": bool(opened) or not entries,
        "readings": objects.readings(object_id),
        "signed": objects.is_signed(about.decisive),
        "verifier_sha256": overview.verifier_digest(),
    }
    return render(request, "provenance/object.html", context)


@require_GET
@requires("ledger.view")
def ledger_object_bundle(request: HttpRequest, object_id: str) -> HttpResponse:
    """The evidence about one object, as a file that a stranger can check."""
    data = objects.bundle_for(object_id=object_id, table=request.GET.get("table"), user=request.user)
    return _attachment(data, f"evidence-{objects.file_stem(object_id)}.zip", "application/zip")


@require_GET
@requires("ledger.view")
def ledger_verifier(request: HttpRequest) -> HttpResponse:
    """The offline verifier, one file."""
    return _attachment(overview.verifier_program(), "verifier.pyz", "application/zip")


def _attachment(data: bytes, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(data, content_type=content_type, headers=headers)
