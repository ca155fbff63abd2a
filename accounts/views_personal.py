"""What a person sees and chooses for themselves: inbox, preferences, saved views."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import personal, views_saved
from accounts.access import requires
from accounts.forms_personal import PreferencesForm, SavedViewForm
from accounts.inbox import KINDS, kinds_of, preferences_of
from accounts.models import Message, Preferences, SavedView, User

PAGE = 30


@requires("account.own")
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Everything that the person was told, the newest first; `?kind=` and `?unread` narrow it."""
    user = _person(request)
    rows = Message.objects.filter(user=user)
    kind, unread = request.GET.get("kind", ""), "unread" in request.GET
    if kind in KINDS:
        rows = rows.filter(kind=kind)
    tabs = [
        {"label": label, "url": f"?{query}", "current": current}
        for label, query, current in ((_("All"), "", not unread), (_("Unread"), "unread", unread))
    ]
    context = {
        "page": Paginator(rows.unread() if unread else rows, PAGE).get_page(request.GET.get("page")),
        "tabs": tabs, "kinds": kinds_of(user), "kind": kind,
        "labels": {key: _(kind.label) for key, kind in KINDS.items()},
    }  # fmt: skip
    return render(request, "accounts/inbox.html", context)


@requires("account.own")
@require_POST
def message_open(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Mark a message as read, and go to what it is about."""
    message = get_object_or_404(Message, id=message_id, user=_person(request))
    if message.read_at is None:
        Message.objects.filter(id=message.id).update(read_at=timezone.now())
    return redirect(message.path or "inbox")


@requires("account.own")
@require_POST
def message_unread(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Take "read" back."""
    Message.objects.filter(id=message_id, user=_person(request)).update(read_at=None)
    return redirect("inbox")


@requires("account.own")
@require_POST
def inbox_read(request: HttpRequest) -> HttpResponse:
    """All that is unread, at once."""
    read = Message.objects.unread().filter(user=_person(request)).update(read_at=timezone.now())
    messages.success(request, _("Marked as read: %(n)s.") % {"n": read})
    return redirect("inbox")


@requires("account.own")
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    now = preferences_of(user)
    form = PreferencesForm(request.POST or None, user=user, preferences=now)
    if request.method == "POST" and form.is_valid():
        made = Preferences.objects.update_or_create(user=user, defaults=form.chosen())[0]
        personal.remember(request, made)
        messages.success(request, _("Your preferences are saved."))
        return redirect("preferences")
    return render(request, "accounts/preferences.html", {"form": form}, status=400 if form.errors else 200)


@requires("account.own")
@require_POST
def first_steps_put_away(request: HttpRequest) -> HttpResponse:
    """Show the list of first steps no more, or again."""
    away = request.POST.get("show") != "1"
    Preferences.objects.update_or_create(user=_person(request), defaults={"first_steps_done": away})
    return redirect("home")


# --- saved views ---------------------------------------------------------------------------------------------------


@requires("account.own")
@require_POST
def view_save(request: HttpRequest) -> HttpResponse:
    user, form = _person(request), SavedViewForm(request.POST)
    if not form.is_valid():
        wrong = "; ".join(f"{form[name].label}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())
        messages.error(request, _("The view was not saved. %(wrong)s") % {"wrong": wrong})
        return redirect(_back(request))
    made = views_saved.view_save(user=user, **form.cleaned_data)
    messages.success(request, _("Saved as “%(name)s”.") % {"name": made.name})
    return redirect(made.address)


@requires("account.own")
@require_POST
def view_remove(request: HttpRequest, view_id: uuid.UUID) -> HttpResponse:
    view = get_object_or_404(SavedView, id=view_id, owner=_person(request), removed_at=None)
    views_saved.view_remove(view)
    request.session["removed_view"] = {"id": str(view.id), "name": view.name}
    return redirect(_back(request))


@requires("account.own")
@require_POST
def view_restore(request: HttpRequest, view_id: uuid.UUID) -> HttpResponse:
    view = get_object_or_404(SavedView, id=view_id, owner=_person(request), removed_at__isnull=False)
    views_saved.view_restore(view)
    request.session.pop("removed_view", None)
    messages.success(request, _("“%(name)s” is back.") % {"name": view.name})
    return redirect(view.address)


def _back(request: HttpRequest) -> str:
    given = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(given, allowed_hosts=None) and given.startswith("/")
    return given if ours else reverse("home")


def _person(request: HttpRequest) -> User:
    user: Any = request.user  # `requires` lets nobody else in
    return user
