"""An edition as a file, for those who may read it."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.access import requires
from interop.cards.exports import exported
from models_registry.models import Card
from models_registry.views import version_of


@requires("version.view")
@require_safe
def card_export(request: HttpRequest, version_id: uuid.UUID, edition: int, kind: str) -> HttpResponse:
    cards = Card.objects.filter(version=version_of(request, version_id))
    found = get_object_or_404(cards.select_related("version__model__federation"), edition=edition)
    return exported(found, kind)
