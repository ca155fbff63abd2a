"""Pages of impact assessments."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from accounts.reauthentication import reauthenticate
from core.errors import ApplicationError, Forbidden
from models_registry.models import Model
from protection import assessments as service
from protection.assessment_pdf import pdf
from protection.domain.texts import missing, sections
from protection.forms import AssessmentForm, SignForm
from protection.models import ImpactAssessment
from protection.views import tabs, user_of


@requires("protection.view")
@require_safe
def assessments(request: HttpRequest) -> HttpResponse:
    context = {
        "tabs": tabs("assessments"), "models": service.models_of(request.user), "sections": len(sections()),
        "may_edit": request.user.may("protection.edit"),  # type: ignore[union-attr]
    }  # fmt: skip
    return render(request, "protection/assessments.html", context)


@requires("protection.edit")
@require_POST
def assessment_begin(request: HttpRequest, model_id: uuid.UUID) -> HttpResponse:
    model = get_object_or_404(Model.objects.for_user(request.user), pk=model_id)
    made = service.assessment_begin(model=model, actor=user_of(request))
    messages.success(
        request,
        _("Edition %(n)s is begun. The facts are filled in; the sections are yours.") % {"n": made.edition},
    )
    return redirect("assessment_edit", made.pk)


@requires("protection.view")
@require_safe
def assessment(request: HttpRequest, assessment_id: uuid.UUID) -> HttpResponse:
    return _page(request, _assessment(request, assessment_id))


@requires("protection.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def assessment_edit(request: HttpRequest, assessment_id: uuid.UUID) -> HttpResponse:
    found = _assessment(request, assessment_id)
    form = AssessmentForm(request.POST or None, initial={**found.sections, "revision": found.revision})
    if request.method == "POST" and form.is_valid():
        try:
            service.assessment_save(
                assessment=found, revision=form.cleaned_data["revision"], texts=form.texts, actor=user_of(request)
            )
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The draft is saved.")
            return redirect("assessment", found.pk)
    context = {"tabs": tabs("assessments"), "assessment": found, "form": form, "facts": service.facts_of(found)}
    return render(request, "protection/assessment_edit.html", context, status=400 if form.errors else 200)


@requires("assessment.sign")
@require_POST
def assessment_sign(request: HttpRequest, assessment_id: uuid.UUID) -> HttpResponse:
    found, form = _assessment(request, assessment_id), SignForm(request.POST)
    if form.is_valid():
        try:
            reauthenticate(request, user_of(request), form.cleaned_data["password"])
            service.assessment_sign(assessment=found, revision=form.cleaned_data["revision"], actor=user_of(request))
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The impact assessment is signed off; it stays as it is.")
            return redirect("assessment", found.pk)
    return _page(request, found, form)


@requires("protection.view")
@require_safe
def assessment_pdf(request: HttpRequest, assessment_id: uuid.UUID) -> HttpResponse:
    found = _assessment(request, assessment_id)
    headers = {"Content-Disposition": f'attachment; filename="impact-assessment-{found.edition}.pdf"'}
    return HttpResponse(pdf(found), content_type="application/pdf", headers=headers)


def _page(request: HttpRequest, found: ImpactAssessment, form: SignForm | None = None) -> HttpResponse:
    user = user_of(request)
    lacking = missing(found.sections)
    draft = found.state == ImpactAssessment.State.DRAFT
    signs = draft and not lacking and user.may("assessment.sign") and found.written_by_id != user.pk
    context = {
        "tabs": tabs("assessments"), "assessment": found, "facts": service.facts_of(found), "lacking": lacking,
        "parts": [(section, found.sections.get(section.key, "")) for section in sections()], "draft": draft,
        "total": len(sections()), "written": len(sections()) - len(lacking),
        "may_edit": user.may("protection.edit"),
        "sign": (form or SignForm(initial={"revision": found.revision})) if signs else None,
        "editions": ImpactAssessment.objects.filter(model=found.model_id).select_related("signed_by"),
    }  # fmt: skip
    return render(request, "protection/assessment.html", context, status=400 if form and form.errors else 200)


def _assessment(request: HttpRequest, assessment_id: uuid.UUID) -> ImpactAssessment:
    rows = ImpactAssessment.objects.for_user(request.user).select_related(
        "model__federation", "written_by", "signed_by"
    )
    return get_object_or_404(rows, pk=assessment_id)
