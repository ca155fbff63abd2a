"""The forms in which an edition of a card may be taken away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from core.errors import Conflict, NotFound
from federation.domain.messages import canonical
from interop.cards.chai import chai_xml
from interop.cards.cyclonedx import cyclonedx
from interop.cards.document import document_of
from interop.cards.markdown import markdown
from models_registry.models import Card, ModelSignature


@dataclass(frozen=True)
class Form:
    """One form: how it is called, its media type, and how it is made."""

    title: str
    media_type: str
    make: Callable[[Card], bytes]


def _pdf(card: Card) -> bytes:
    from interop.cards.pdf import pdf  # typst costs time to import

    return pdf(card)


def _html(card: Card) -> bytes:
    style = (Path(settings.BASE_DIR) / "static" / "css" / "card.css").read_text()
    return render_to_string("interop/card_file.html", {"card": document_of(card), "style": style}).encode()


def _markdown(card: Card) -> bytes:
    return markdown(document_of(card)).encode()


def _bom(card: Card) -> bytes:
    return json.dumps(cyclonedx(card), indent=2, ensure_ascii=False, allow_nan=False).encode()


def _signature(card: Card) -> bytes:
    return _signed(card).bundle.encode()


def _public_key(card: Card) -> bytes:
    return _signed(card).public_key.encode()


def _signed(card: Card) -> ModelSignature:
    found = ModelSignature.objects.filter(version=card.version_id).first()
    if found is None:
        raise Conflict("The weights are not signed yet. A worker does that when a version is made: try again later.")
    return found


FORMS = {
    "pdf": Form("PDF", "application/pdf", _pdf),
    "html": Form("HTML", "text/html; charset=utf-8", _html),
    "md": Form("Markdown", "text/markdown; charset=utf-8", _markdown),
    "json": Form("JSON", "application/json", lambda card: canonical(card.content)),
    "xml": Form("CHAI XML", "application/xml", lambda card: chai_xml(card.content)),
    "cdx.json": Form("CycloneDX ML-BOM", "application/vnd.cyclonedx+json; version=1.6", _bom),
    "sig": Form("Signature of the weights (OpenSSF)", "application/vnd.dev.sigstore.bundle.v0.3+json", _signature),
    "pem": Form("Key of that signature", "application/x-pem-file", _public_key),
}


def exported(card: Card, kind: str) -> HttpResponse:
    """The edition as a file.

    Raises
    ------
    NotFound
        If there is no such form.
    Conflict
        If it cannot be made now.
    """
    form = FORMS.get(kind)
    if form is None:
        raise NotFound(
            _("Expected one of %(forms)s; got %(kind)s.") % {"forms": ", ".join(FORMS), "kind": f"{kind[:20]!r}"}
        )
    stem = re.sub(r"[^A-Za-z0-9]+", "-", str(card.version)).strip("-").lower() or "model"
    headers = {"Content-Disposition": f'attachment; filename="{stem}-card-{card.edition}.{kind}"'}
    return HttpResponse(form.make(card), content_type=form.media_type, headers=headers)
