"""The overview, the record of processing, and continuity."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import requires
from accounts.models import Institution, User
from core.errors import ApplicationError, Forbidden
from core.spoken import spoken
from protection import facts, needs, register, standing
from protection.domain.texts import activities
from protection.forms import NoteForm
from protection.models import Backup, RestoreDrill

PER_PAGE = 25
_TABS = (
    ("protection", "Overview"), ("processing_record", "Record of processing"), ("assessments", "Impact assessments"),
    ("subject_requests", "Requests"), ("breaches", "Breaches"), ("retention", "Retention"),
    ("continuity", "Continuity"),
)  # fmt: skip


def tabs(current: str) -> list[dict[str, Any]]:
    """The sections of data protection; every page of it shows them."""
    return [{"label": label, "url": reverse(name), "current": name == current} for name, label in _TABS]


@requires("protection.view")
@require_safe
def protection(request: HttpRequest) -> HttpResponse:
    context = {
        "tabs": tabs("protection"), "needs": needs.protection_needs(request.user),
        "measures": facts.security(), "standing": standing.of(request.user),
    }  # fmt: skip
    return render(request, "protection/overview.html", context)


@requires("protection.view")
@require_safe
def processing_record(request: HttpRequest) -> HttpResponse:
    house, houses = _house(request)
    context = {
        "tabs": tabs("processing_record"), "rows": register.record_of(request.user, house), "house": house,
        "houses": [(str(one.pk) if one else "", str(one or "The platform")) for one in houses],
        "may_edit": request.user.may("protection.edit"), "measures": facts.security(),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "protection/record.html", context)


@requires("protection.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def processing_note(request: HttpRequest, key: str) -> HttpResponse:
    activity = next((one for one in activities() if one.key == key), None)
    if activity is None:
        raise Http404("There is no such processing activity.")
    house = _house(request)[0]
    view = next(row for row in register.record_of(request.user, house) if row.activity == activity)
    begun = {"revision": view.note.revision, **view.note.content} if view.note else {}
    form = NoteForm(request.POST or None, initial=begun)
    if request.method == "POST" and form.is_valid():
        try:
            register.note_save(
                activity=activity, institution=house, revision=form.cleaned_data["revision"], content=form.content,
                actor=user_of(request),
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The record of “%(title)s” is saved.") % {"title": spoken(activity.title)})
            return redirect(f"{reverse('processing_record')}?house={house.pk if house else ''}")
    context = {"tabs": tabs("processing_record"), "view": view, "form": form, "house": house}
    return render(request, "protection/note.html", context, status=400 if form.errors else 200)


@requires("protection.view")
@require_safe
def continuity(request: HttpRequest) -> HttpResponse:
    drills = RestoreDrill.objects.select_related("held_by")
    context = {
        "tabs": tabs("continuity"), "standing": standing.continuity(), "limits": settings,
        "page": Paginator(drills, PER_PAGE).get_page(request.GET.get("page")),
        "backups": Backup.objects.select_related("made_by")[:10],
    }  # fmt: skip
    return render(request, "protection/continuity.html", context)


def _house(request: HttpRequest) -> tuple[Institution | None, list[Institution | None]]:
    """Whose record: the one that the address names, if it is the person's; else their first."""
    houses = register.houses_of(request.user)
    wanted = request.GET.get("house")
    found = [house for house in houses if (str(house.pk) if house else "") == wanted]
    if wanted and not found:
        raise Http404("There is no such record within your reach.")
    return (found or houses or [None])[0], houses


def user_of(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
