"""Pages of outside boards. The board sees one version, its audits and this; others see what the board found."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from accounts.models import User
from audits.predeployment.external import archive, pages, services
from audits.predeployment.external.forms import FindingForm, InviteForm, RevokeForm, RunForm, UploadForm
from audits.predeployment.external.layout import layout_of, why_none
from audits.predeployment.models import ExternalAudit, ExternalData
from core import artefacts
from core.errors import ApplicationError, Forbidden
from models_registry.models import Version

PER_PAGE = 25
_AROUND = 64 * 1024  # what a form adds to its file


@requires("external.view")
@require_safe
def external_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(_scoped(request).order_by("-created_at"), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "audits_predeployment/external_audits.html", {"page": page})


@requires("external.view")
@require_safe
def external_detail(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    return _page(request, _external(request, external_id))


@requires("external.invite")
@require_http_methods(["GET", "HEAD", "POST"])
def external_new(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    version = get_object_or_404(Version.objects.for_user(request.user).select_related("model"), id=version_id)
    form = InviteForm(request.POST or None, policy=services.offered(version))
    if form.is_valid():
        try:
            made = services.external_invite(version=version, actor=_person(request), **form.arguments())
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request,
                _("%(board)s is invited. Pass the link on this page to its auditor.") % {"board": made.board},
            )
            return redirect("external_audit", made.id)
    context = {"version": version, "form": form, "no_data": why_none(version)}
    return render(request, "audits_predeployment/external_new.html", context, status=400 if form.errors else 200)


@csrf_exempt  # so that no middleware reads the body before its length is looked at; the inner view checks the token
@requires("external.work")
@require_POST
def external_upload(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > archive.MOST_BYTES + _AROUND:
        return render(request, "audits_predeployment/external_large.html", {"id": external_id}, status=413)
    return _upload(request, external_id)


@csrf_protect
def _upload(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    found = _external(request, external_id)
    layout = layout_of(found.version)
    if layout is None:
        raise ApplicationError(why_none(found.version))
    form = UploadForm(request.POST, request.FILES, layout=layout)
    if form.is_valid():
        try:
            services.data_upload(
                external=found, site=form.cleaned_data["site"], data=form.cleaned_data["file"].read(),
                actor=_person(request),
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error("file", error.message)
        else:
            messages.success(request, "The data set has arrived. It is read in the background.")
            return redirect("external_audit", found.id)
    return _page(request, found, status=400, upload_form=form)


@requires("external.work")
@require_POST
def external_data_withdraw(request: HttpRequest, external_id: uuid.UUID, data_id: uuid.UUID) -> HttpResponse:
    found = _external(request, external_id)
    data = get_object_or_404(ExternalData.objects.select_related("external"), external=found, id=data_id)
    services.data_withdraw(data=data, actor=_person(request))
    messages.success(request, "The data set is withdrawn: its bytes are removed, its digest stays.")
    return redirect("external_audit", found.id)


@requires("external.work")
@require_POST
def external_run(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    found = _external(request, external_id)
    form = RunForm(request.POST, external=found)
    if not form.is_valid():
        return _page(request, found, status=400, run_form=form)
    services.run_start(actor=_person(request), **form.cleaned_data)
    messages.success(request, "The checks run in the background.")
    return redirect("external_audit", found.id)


@requires("external.work")
@require_POST
def external_finding(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    found = _external(request, external_id)
    form = FindingForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            services.finding_add(
                external=found, severity=form.cleaned_data["severity"], text=form.cleaned_data["text"],
                actor=_person(request), name=file.name if file else "", attachment=file.read() if file else b"",
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The finding is on record.")
            return redirect("external_audit", found.id)
    return _page(request, found, status=400, finding_form=form)


@requires("external.view")
@require_safe
def external_file(request: HttpRequest, external_id: uuid.UUID, finding_id: uuid.UUID) -> HttpResponse:
    """A finding's file, as a download only: a browser never shows what somebody outside uploaded."""
    finding = get_object_or_404(_external(request, external_id).findings.exclude(attachment=""), id=finding_id)
    response = HttpResponse(artefacts.get(finding.attachment), content_type=finding.attachment_type)
    response["Content-Disposition"] = f'attachment; filename="{finding.attachment_name}"'
    return response


@requires("external.work")
@require_POST
def external_close(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    services.external_close(external=_external(request, external_id), actor=_person(request))
    messages.success(request, "Your audit is closed. Your data are removed; what you found stays on record.")
    return redirect("home")


@requires("external.invite")
@require_POST
def external_revoke(request: HttpRequest, external_id: uuid.UUID) -> HttpResponse:
    found = _external(request, external_id)
    form = RevokeForm(request.POST)
    if not form.is_valid():
        return _page(request, found, status=400, revoke_form=form)
    services.external_revoke(external=found, actor=_person(request), **form.cleaned_data)
    messages.success(request, "The invitation is revoked.")
    return redirect("external_audit", found.id)


def _page(request: HttpRequest, found: ExternalAudit, status: int = 200, **bound) -> HttpResponse:
    context = pages.page_of(found, _person(request), **bound)
    if context["activation"]:
        context["activation"] = request.build_absolute_uri(context["activation"])
    return render(request, "audits_predeployment/external_audit.html", context, status=status)


def _scoped(request: HttpRequest):
    return ExternalAudit.objects.for_user(_person(request)).select_related(
        "version__model__federation", "board", "auditor"
    )


def _external(request: HttpRequest, external_id: uuid.UUID) -> ExternalAudit:
    return get_object_or_404(_scoped(request), id=external_id)


def _person(request: HttpRequest) -> User:
    """Who looks; pages are for signed-in people only (LoginRequiredMiddleware)."""
    return request.user  # type: ignore[return-value]
