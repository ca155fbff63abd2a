from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timesince import timesince
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from accounts.access import requires
from core.errors import Conflict
from provenance import keys, presentation, reading
from provenance.api import verification
from provenance.domain.errors import FormatError
from provenance.domain.tiles import TILE_WIDTH, encode_bundle, parse_path
from provenance.forms import EntryFilter, EntryNumber
from provenance.models import Checkpoint, Entry

FOR_EVER = "public, max-age=31536000, immutable"
TEXT = "text/plain; charset=utf-8"


@require_GET
@requires("ledger.view")
def ledger(request: HttpRequest) -> HttpResponse:
    """The entries, newest first."""
    number = EntryNumber(request.GET) if "seq" in request.GET else EntryNumber()
    if number.is_bound and number.is_valid():
        return redirect("ledger_entry", number.cleaned_data["seq"])
    form = EntryFilter(request.GET)
    chosen = form.chosen()
    page = presentation.entries_page(chosen, before=_number(request, "before"), after=_number(request, "after"))
    query = urlencode({key: value for key, value in request.GET.items() if key in form.fields and value})
    context = {"form": form, "number": number, "page": page, "filtered": bool(chosen), "query": query}
    return _render(request, "ledger", "entries", context)


@require_GET
@requires("ledger.view")
def ledger_checkpoints(request: HttpRequest) -> HttpResponse:
    page = Paginator(Checkpoint.objects.all(), 30).get_page(request.GET.get("page"))
    return _render(request, "checkpoints", "checkpoints", {"page": page, "vkeys": _vkeys()})


@require_GET
@requires("ledger.view")
def ledger_anchors(request: HttpRequest) -> HttpResponse:
    page = Paginator(presentation.anchors(), 30).get_page(request.GET.get("page"))
    return _render(request, "anchors", "anchors", {"page": page})


@require_http_methods(["GET", "POST"])
@requires("ledger.view")
def ledger_verification(request: HttpRequest) -> HttpResponse:
    """The newest check of the whole ledger; POST runs another one."""
    if request.method == "POST":
        result = verification.verification_start()
        if result is None:
            messages.info(request, "The check was started; a long log takes a while.")
        return redirect("ledger_verification")
    result, pending = verification.verification_latest(), verification.verification_pending()
    verified_at = parse_datetime(result["verified_at"]) if result else None
    context = {"result": result, "pending": pending, "verified_at": verified_at}
    return _render(request, "verification", "verification", context)


@require_GET
@requires("ledger.view")
def ledger_entry(request: HttpRequest, seq: int) -> HttpResponse:
    """One entry, its proof checked now, and what it commits to."""
    entry = get_object_or_404(Entry, seq=seq)
    last = Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    context = {
        "entry": entry,
        "entry_name": f"Entry {seq}",
        "evidence": presentation.evidence(entry),
        "opened": presentation.body_read(entry=entry, user=request.user),
        "record": presentation.tables().get(entry.table, entry.table),
        "operation": presentation.OPERATIONS.get(entry.operation, entry.operation),
        "others": Entry.objects.filter(object_id=entry.object_id).exclude(seq=seq).order_by("-seq")[:10],
        "previous": seq - 1 if seq else None,
        "following": seq + 1 if last is not None and seq < last else None,
        "chain": presentation.services.ledger_status()["chain"],
        "embedded_note": presentation.EMBEDDED_NOTE,
    }
    return render(request, "provenance/entry.html", context)


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
    return _attachment(reading.proof_file(inclusion), f"entry-{seq}.tlog-proof", TEXT)


@require_GET
@requires("ledger.view")
def ledger_checkpoint(request: HttpRequest, size: int) -> HttpResponse:
    """A signed checkpoint, for keeping elsewhere."""
    checkpoint = get_object_or_404(Checkpoint, size=size)
    return _attachment(checkpoint.note.encode(), f"checkpoint-{size}.txt", TEXT)


# --- the log for everybody: C2SP tlog-tiles -------------------------------------------------------------------------


@login_not_required
@require_safe
def log_checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint."""
    checkpoint = Checkpoint.objects.first()
    if checkpoint is None:
        return _missing("No checkpoint is signed yet.")
    return _public(checkpoint.note.encode(), TEXT, "no-cache")


@login_not_required
@require_safe
def log_keys(request: HttpRequest) -> HttpResponse:
    """The log's public keys, a line each, in the form that verifiers take. Compare them with a copy from elsewhere."""
    return _public("".join(key + "\n" for key in _vkeys()).encode(), TEXT, "no-cache")


@login_not_required
@require_safe
def log_tile(request: HttpRequest, path: str) -> HttpResponse:
    """A tile or an entry bundle under the newest checkpoint. Its bytes can never change."""
    try:
        name = parse_path(path)
    except FormatError as error:
        return _missing(f"{error}.")
    checkpoint = Checkpoint.objects.first()
    level = name.level or 0
    width = (checkpoint.size >> (8 * level)) - name.index * TILE_WIDTH if checkpoint else 0
    if name.width > width:
        return _missing("The newest checkpoint does not cover this tile.")
    if name.level is not None:
        return _public(reading.read_tile(level, name.index, name.width), "application/octet-stream", FOR_EVER)
    first = name.index * TILE_WIDTH
    leaves = Entry.objects.filter(seq__gte=first, seq__lt=first + name.width).order_by("seq")
    bundle = encode_bundle(bytes(leaf) for leaf in leaves.values_list("leaf", flat=True))
    return _public(bundle, "application/octet-stream", FOR_EVER)


# --- parts ---------------------------------------------------------------------------------------------------------


def _render(request: HttpRequest, template: str, current: str, context: dict) -> HttpResponse:
    tabs = (
        ("Entries", "ledger", "entries"),
        ("Checkpoints", "ledger_checkpoints", "checkpoints"),
        ("Anchors", "ledger_anchors", "anchors"),
        ("Verification", "ledger_verification", "verification"),
    )
    status = presentation.status()
    context |= {
        "tabs": [{"label": label, "url": reverse(url), "current": name == current} for label, url, name in tabs],
        "status": status,
        **_notes(status),
        "embedded_note": presentation.EMBEDDED_NOTE,
        "origin": settings.LOG_ORIGIN,
    }
    return render(request, f"provenance/{template}.html", context)


def _notes(status: dict) -> dict[str, str]:
    """The small print under the figures."""
    chain, since = status["chain"], status["unanchored_since"]
    block = f"block {chain.block_number} of chain {chain.chain_id}" if chain else "the anchor worker was not seen yet"
    return {
        "waiting_note": f"{status['waiting']} waiting to be written",
        "anchor_note": block + (", run by this platform" if chain and chain.embedded else ""),
        "lag_note": _lag_words(since, status["anchor_lag_seconds"]),
    }


def _lag_words(since: datetime | None, seconds: float) -> str:
    if since is None:
        return "all of it is anchored"
    return "the oldest came just now" if seconds < 60 else f"the oldest came {timesince(since, depth=1)} ago"


def _vkeys() -> list[str]:
    return [verifier.vkey for verifier in keys.log_verifiers()]


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _attachment(data: bytes, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        data, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _public(data: bytes, content_type: str, caching: str) -> HttpResponse:
    return HttpResponse(
        data, content_type=content_type, headers={"Cache-Control": caching, "Access-Control-Allow-Origin": "*"}
    )


def _missing(why: str) -> HttpResponse:
    return HttpResponse(f"{why}\n", status=404, content_type=TEXT, headers={"Cache-Control": "no-store"})
