"""Pages of a version's model card."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from core.errors import Conflict
from models_registry import services
from models_registry.binding import latest_card
from models_registry.card_difference import changes_between
from models_registry.card_drafts import drafts_of
from models_registry.card_editions import CardChanged, texts_on
from models_registry.card_schema import WRITTEN
from models_registry.forms import CardForm
from models_registry.models import Version
from models_registry.presentation.card_page import card_context
from models_registry.views import person, version_of


@requires("version.view")
@require_safe
def card(request: HttpRequest, version_id: uuid.UUID, edition: int | None = None) -> HttpResponse:
    found = version_of(request, version_id)
    newest = latest_card(found)
    wanted = edition or (newest.edition if newest else 0)
    shown = get_object_or_404(found.cards.select_related("written_by"), edition=wanted)
    return render(request, "models_registry/card.html", card_context(found, shown, person(request)))


@requires("version.view")
@require_safe
def card_changes(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    """What changed from one edition to another: `?from=2&to=3`; without them, to the newest from the one before."""
    found = version_of(request, version_id)
    editions = list(found.cards.select_related("written_by"))
    newest = editions[0].edition if editions else 0
    after = _number(request, "to", newest)
    before = _number(request, "from", max(1, after - 1))
    old, new = (get_object_or_404(found.cards, edition=number) for number in (before, after))
    context = {
        "subject": found, "old": old, "new": new, "editions": editions,
        "changes": changes_between(old.content, new.content),
    }  # fmt: skip
    return render(request, "models_registry/card_changes.html", context)


@requires("card.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def card_edit(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_of(request, version_id)
    if request.method == "POST":
        return _written(request, found, CardForm(request.POST))
    drafts, newest = drafts_of(found), latest_card(found)
    texts = texts_on(newest)
    if "drafts" in request.GET:
        texts = {**{name: text for name, text in drafts.items() if name in WRITTEN}, **texts}
    form = CardForm(initial={**texts, "base": newest.edition if newest else None})
    return _edit_page(request, found, form, drafts=drafts)


def _written(request: HttpRequest, found: Version, form: CardForm) -> HttpResponse:
    """Save, or show the form again with everything that was typed and why it was not saved."""
    if not form.is_valid():
        return _edit_page(request, found, form, status=400)
    base = form.cleaned_data["base"]
    try:
        made = services.card_edit(version=found, texts=form.texts(), actor=person(request), base=base)
    except CardChanged as error:
        again = CardForm(initial={**error.both.texts, **form.texts(), **_taken(error), "base": error.edition})
        return _edit_page(request, found, again, status=409, refused=error.message, clashes=error.both.clashes)
    except Conflict as error:
        return _edit_page(request, found, form, status=409, refused=error.message)
    words = _("Edition %(edition)s is written. Open requests on the old edition are void.") % {"edition": made.edition}
    if base is not None and made.edition > base + 1:
        kept = _("It keeps what edition %(edition)s changed meanwhile.") % {"edition": made.edition - 1}
        words = f"{words} {kept}"
    messages.success(request, words)
    return redirect("card", found.id)


def _taken(error: CardChanged) -> dict[str, str]:
    return {name: error.both.texts.get(name, "") for name in error.both.taken}


def _edit_page(request: HttpRequest, found: Version, form: CardForm, status: int = 200, **more) -> HttpResponse:
    drafts = more.pop("drafts", None)
    drafts = drafts_of(found) if drafts is None else drafts
    context = {
        "subject": found, "form": form, "drafts": [(WRITTEN[name].title, text) for name, text in drafts.items()],
        **more,
    }  # fmt: skip
    return render(request, "models_registry/card_edit.html", context, status=status)


@requires("card.publish")
@require_POST
def card_publish(request: HttpRequest, version_id: uuid.UUID, edition: int) -> HttpResponse:
    found = version_of(request, version_id)
    shown = get_object_or_404(found.cards.select_related("version"), edition=edition)
    services.card_publish(card=shown, actor=person(request))
    messages.success(request, _("Edition %(n)s is public: anybody can read it without signing in.") % {"n": edition})
    return redirect("card_edition", found.id, edition)


@requires("card.publish")
@require_POST
def card_unpublish(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_of(request, version_id)
    publication = get_object_or_404(found.publications, withdrawn_at=None)
    services.card_unpublish(publication=publication, actor=person(request))
    messages.success(request, "The card is not public any more. Copies that were taken stay where they are.")
    return redirect("card", found.id)


def _number(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else default
