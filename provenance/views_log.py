"""The log for everybody, without signing in: C2SP tlog-tiles."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from provenance import overview, reading, witnesses
from provenance.domain.errors import FormatError
from provenance.domain.tiles import TILE_WIDTH, encode_bundle, parse_path
from provenance.models import Checkpoint, Entry

FOR_EVER = "public, max-age=31536000, immutable"
TEXT = "text/plain; charset=utf-8"


@login_not_required
@require_safe
def log_checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint, with the cosignatures of the witnesses that have signed it already."""
    checkpoint = Checkpoint.objects.first()
    if checkpoint is None:
        return _missing("No checkpoint is signed yet.")
    return _public(witnesses.cosigned_note(checkpoint), TEXT, "no-cache")


@login_not_required
@require_safe
def log_keys(request: HttpRequest) -> HttpResponse:
    """The public keys that sign now, a line each, in the form that verifiers take. Compare them with a copy."""
    return _public("".join(key + "\n" for key in overview.signing_vkeys()).encode(), TEXT, "no-cache")


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


def _public(data: bytes, content_type: str, caching: str) -> HttpResponse:
    return HttpResponse(
        data, content_type=content_type, headers={"Cache-Control": caching, "Access-Control-Allow-Origin": "*"}
    )


def _missing(why: str) -> HttpResponse:
    return HttpResponse(f"{why}\n", status=404, content_type=TEXT, headers={"Cache-Control": "no-store"})
