"""Tags of what is a person's own: {% load personal %}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

from accounts.models import SavedView

register = template.Library()


@register.filter
def named(labels: Mapping[str, str], key: str) -> str:
    """The label of a key; the key itself where there is none (any more)."""
    return labels.get(key, key)


@register.inclusion_tag("partials/saved_views.html", takes_context=True)
def saved_views(context: Context) -> dict[str, Any]:
    """The saved views of this list, and a form that saves it as it is filtered now. One query."""
    request = context["request"]
    removed = request.session.pop("removed_view", None) if "removed_view" in request.session else None
    user = request.user
    return {
        "views": SavedView.objects.for_user(user).filter(path=request.path),
        "removed": removed,
        "removed_url": reverse("view_restore", args=[removed["id"]]) if removed else "",
        "query": request.GET.urlencode(),
        "path": request.path,
        "here": request.get_full_path(),
        "back": request.get_full_path(),
        "institution": user.institution,
        "user": user,
        "csrf_token": context.get("csrf_token"),
        "request": request,
    }
