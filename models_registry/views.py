from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import requires
from accounts.models import User
from models_registry import services
from models_registry.binding import AUDIT, gate
from models_registry.forms import RequestForm
from models_registry.models import Evidence, Model, Version
from models_registry.presentation import version_page

PER_PAGE = 20
_VERDICT = Evidence.objects.filter(version=OuterRef("pk"), kind=AUDIT).order_by("-created_at").values("verdict")[:1]


@requires("model.view")
@require_safe
def models(request: HttpRequest) -> HttpResponse:
    newest = Version.objects.filter(model=OuterRef("pk")).order_by("-number")
    found = (
        Model.objects.filter(id__in=Model.objects.for_user(request.user).values("id"))
        .select_related("federation")
        .annotate(n_versions=Count("versions"), newest=Subquery(newest.values("number")[:1]))
        .order_by("name")
    )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "models_registry/models.html", {"page": page})


@requires("model.view")
@require_safe
def model(request: HttpRequest, model_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Model.objects.for_user(request.user).select_related("federation"), id=model_id)
    versions = found.versions.annotate(verdict=Subquery(_VERDICT)).prefetch_related("deployments").order_by("-number")
    page = Paginator(versions, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "models_registry/model.html", {"line": found, "page": page})


@requires("version.view")
@require_safe
def version(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_of(request, version_id)
    return _version_page(request, found, RequestForm(gates=gate(found)))


def _version_page(request: HttpRequest, found: Version, form: RequestForm, status: int = 200) -> HttpResponse:
    context = {
        **version_page.context(found, person(request)),
        "form": form,
        "may_request": person(request).may("approval.request"),
    }
    return render(request, "models_registry/version.html", context, status=status)


@requires("approval.request")
@require_POST
def approval_request(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    found = version_of(request, version_id)
    form = RequestForm(request.POST, gates=gate(found))
    if not form.is_valid():
        return _version_page(request, found, form, status=400)
    made = services.approval_request(version=found, actor=person(request), **form.request())
    messages.success(request, "The request is under review. Two officers of two institutions decide first.")
    return redirect("approval", made.id)


def version_of(request: HttpRequest, version_id: uuid.UUID) -> Version:
    scoped = Version.objects.for_user(request.user).select_related("model__federation", "run")
    return get_object_or_404(scoped, id=version_id)


def person(request: HttpRequest) -> User:
    """Who looks; pages are for signed-in people only (LoginRequiredMiddleware)."""
    return request.user  # type: ignore[return-value]
