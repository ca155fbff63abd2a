"""Published cards, for everybody: no sign-in, no session, nothing about a person but what a person put on the card."""

from __future__ import annotations

import uuid
from functools import wraps

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import condition, require_safe

from core import artefacts
from core.errors import ApplicationError
from interop.cards.document import document_of
from interop.cards.exports import FORMS, exported
from interop.limits import limited
from models_registry.models import CardPublication, PublicCard
from provenance import overview
from provenance.bundles import NotSigned, object_bundle
from provenance.reading import latest_entry

CACHED = "public, max-age=300"
PER_PAGE = 50


def _open(view):
    """For everybody, read only, counted, and kept by caches for five minutes; a refusal is told in a line of text."""

    @wraps(view)
    def answered(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return _plain("There is no public card at this address.", 404)
        except ApplicationError as error:
            return _plain(error.message, error.status)
        response.headers.setdefault("Cache-Control", CACHED)
        return response

    checked = login_not_required(require_safe(limited(answered)))
    checked.public = True  # type: ignore[attr-defined]  # a mark on the function, see accounts.middleware
    return checked


def _etag(request: HttpRequest, publication_id: uuid.UUID, kind: str = "") -> str | None:
    """Of what never changes while it is public."""
    if kind and kind not in FORMS:
        return None
    found = _live().filter(id=publication_id).values_list("card_digest", flat=True).first()
    return f'"{found[:32]}-{settings.VERSION}-{kind}"' if found else None


@_open
def public_cards(request: HttpRequest) -> HttpResponse:
    page = Paginator(_live().order_by("version__model__name", "-created_at"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    return HttpResponse(render_to_string("interop/public_cards.html", {"page": page}))


@_open
def public_card(request: HttpRequest, publication_id: uuid.UUID) -> HttpResponse:
    found = _publication(publication_id)
    context = {
        "publication": found,
        "statement": found.statement,
        "card": document_of(found.card),
        "forms": [(kind, form.title) for kind, form in FORMS.items()],
        "entry": latest_entry(str(found.statement.id)),
    }
    return HttpResponse(render_to_string("interop/public_card.html", context))


@_open
@condition(etag_func=_etag)
def public_card_file(request: HttpRequest, publication_id: uuid.UUID, kind: str) -> HttpResponse:
    return exported(_publication(publication_id).card, kind)


@_open
def public_card_proof(request: HttpRequest, publication_id: uuid.UUID) -> HttpResponse:
    """The evidence bundle of the platform's statement, made once: asking again writes nothing."""
    return proof_of(_publication(publication_id), publication_id)


def proof_of(publication: CardPublication, publication_id: uuid.UUID) -> HttpResponse:
    """The bundle as a download."""
    statement = publication.statement
    data = artefacts.get(statement.proof) if statement.proof else _bundle(statement)
    headers = {"Content-Disposition": f'attachment; filename="card-{publication_id}-proof.zip"'}
    return HttpResponse(data, content_type="application/zip", headers=headers)


@_open
def public_verifier(request: HttpRequest) -> HttpResponse:
    """The program that checks such a bundle without us."""
    headers = {"Content-Disposition": 'attachment; filename="verifier.pyz"'}
    return HttpResponse(overview.verifier_program(), content_type="application/zip", headers=headers)


def _bundle(statement: PublicCard) -> bytes:
    table = PublicCard._meta.db_table
    if latest_entry(str(statement.id)) is None:
        raise NotSigned("The statement is on its way to the ledger. That takes a second or two: try again.")
    data = object_bundle(table=table, object_id=str(statement.id), title="public model card", actor=None)
    PublicCard.objects.filter(id=statement.id).update(proof=artefacts.put(data))
    return data


def _live():
    return CardPublication.objects.filter(withdrawn_at=None).select_related("version__model__federation", "card")


def _publication(publication_id: uuid.UUID) -> CardPublication:
    found = _live().select_related("statement", "version__model__federation", "card__version__model__federation")
    publication = found.filter(id=publication_id).first()
    if publication is None:
        raise Http404
    return publication


def _plain(words: str, status: int) -> HttpResponse:
    return HttpResponse(
        f"{words}\n", status=status, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )  # fmt: skip
