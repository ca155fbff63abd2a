"""Pages of single predictions and of appeals against them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import requires
from audits.runtime import appeals, case_pages, reviews
from audits.runtime.case_forms import AppealFilterForm, ContestForm, DecideForm, FindForm, ReviewForm, WithdrawForm
from audits.runtime.cases import prediction_at, prediction_named
from audits.runtime.models import Appeal, Prediction, Review
from audits.runtime.models_appeals import today
from core.capture import record
from core.context import governed
from core.errors import ApplicationError, Forbidden
from core.spoken import inside, spoken
from models_registry.models import Deployment

PAGE = 25


@require_POST
@requires("deployment.view")
def prediction_find(request: HttpRequest) -> HttpResponse:
    """From the name of a case to its page, whose address names nobody."""
    form = FindForm(request.POST, deployments=_deployments(request))
    if not form.is_valid():
        raise ApplicationError(
            _("Choose a deployment and give the name of the case: %(form)s") % {"form": _errors(form)}
        )
    row = prediction_named(form.cleaned_data["deployment"], form.cleaned_data["event_key"], request.user)
    return redirect("prediction", row.deployment_id, row.batch_id, row.batch_index)


@require_GET
@requires("deployment.view")
def prediction(request: HttpRequest, deployment_id: uuid.UUID, batch_id: uuid.UUID, index: int) -> HttpResponse:
    """One prediction. The reading is recorded."""
    found, row = _case(request, deployment_id, batch_id, index)
    with governed(action="prediction.read"):
        told = {"deployment": str(found.id), "index": str(index)}
        record(table="runtime_prediction", operation="READ", object_id=str(batch_id), body=told)
    return _prediction_page(request, found, row)


@require_POST
@requires("review.record")
def prediction_review(request: HttpRequest, deployment_id: uuid.UUID, batch_id: uuid.UUID, index: int) -> HttpResponse:
    found, row = _case(request, deployment_id, batch_id, index)
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return _prediction_page(request, found, row, review_form=form)
    made = reviews.review_record(deployment=found, prediction=row, actor=request.user, **form.cleaned_data)
    messages.success(request, _("Recorded: %(what)s.") % {"what": inside(Review.Decision(made.decision).label)})
    return redirect("prediction", deployment_id, batch_id, index)


@require_POST
@requires("appeal.file")
def prediction_contest(request: HttpRequest, deployment_id: uuid.UUID, batch_id: uuid.UUID, index: int) -> HttpResponse:
    found, row = _case(request, deployment_id, batch_id, index)
    form = ContestForm(request.POST)
    if form.is_valid():
        try:
            named = prediction_named(found, form.cleaned_data["event_key"], request.user)
            if named.event_key != row.event_key:
                raise ApplicationError("This name belongs to another case than the one on this page.")
            made = appeals.appeal_file(deployment=found, actor=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request,
                _("The appeal is filed. It is to be decided by %(day)s.") % {"day": date_format(made.due_on, "j F Y")},
            )
            return redirect("appeal", made.id)
    return _prediction_page(request, found, row, contest_form=form)


@require_GET
@requires("appeal.view")
def appeal_list(request: HttpRequest) -> HttpResponse:
    form = AppealFilterForm(request.GET or None)
    mine = Appeal.objects.for_user(request.user).select_related("deployment", "institution")
    page = Paginator(form.apply(mine).queue(today()), PAGE).get_page(request.GET.get("page"))
    files = request.user.may("appeal.file")  # type: ignore[union-attr]
    context = {
        "form": form, "page": page, "any": mine.exists(), "overdue": mine.overdue(today()).count(),
        "find_form": FindForm(deployments=_deployments(request)) if files else None,
    }  # fmt: skip
    return render(request, "audits_runtime/appeals.html", context)


@require_GET
@requires("appeal.view")
def appeal(request: HttpRequest, appeal_id: uuid.UUID) -> HttpResponse:
    return _appeal_page(request, _appeal(request, appeal_id))


@require_POST
@requires("appeal.decide")
def appeal_take(request: HttpRequest, appeal_id: uuid.UUID) -> HttpResponse:
    appeals.appeal_take(appeal=_appeal(request, appeal_id), actor=request.user)  # type: ignore[arg-type]
    messages.success(request, "The appeal is under review.")
    return redirect("appeal", appeal_id)


@require_POST
@requires("appeal.decide")
def appeal_decide(request: HttpRequest, appeal_id: uuid.UUID) -> HttpResponse:
    found = _appeal(request, appeal_id)
    form = DecideForm(request.POST, task=found.deployment.version.config["task"])
    if form.is_valid():
        try:
            made = appeals.appeal_decide(appeal=found, actor=request.user, **form.decision)  # type: ignore[arg-type]
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request,
                _("The appeal is decided. %(feedback)s") % {"feedback": spoken(Appeal.Feedback(made.feedback).label)},
            )
            return redirect("appeal", appeal_id)
    return _appeal_page(request, found, decide_form=form)


@require_POST
@requires("appeal.file")
def appeal_withdraw(request: HttpRequest, appeal_id: uuid.UUID) -> HttpResponse:
    found = _appeal(request, appeal_id)
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        return _appeal_page(request, found, withdraw_form=form)
    appeals.appeal_withdraw(appeal=found, actor=request.user, **form.cleaned_data)  # type: ignore[arg-type]
    messages.success(request, "The appeal is withdrawn.")
    return redirect("appeal", appeal_id)


def _deployments(request: HttpRequest):
    found = Deployment.objects.for_user(request.user)
    return Deployment.objects.filter(id__in=found.values("id"))


def _case(
    request: HttpRequest, deployment_id: uuid.UUID, batch_id: uuid.UUID, index: int
) -> tuple[Deployment, Prediction]:
    rows = Deployment.objects.for_user(request.user).select_related("version__model__federation", "approval")
    found = get_object_or_404(rows, id=deployment_id)
    return found, prediction_at(found, batch_id, index, request.user)


def _appeal(request: HttpRequest, appeal_id: uuid.UUID) -> Appeal:
    rows = Appeal.objects.for_user(request.user).select_related(
        "deployment__version__model", "institution", "filed_by", "taken_by", "decided_by"
    )
    return get_object_or_404(rows, id=appeal_id)


def _prediction_page(request: HttpRequest, found: Deployment, row: Prediction, **forms: Any) -> HttpResponse:
    """A form with errors takes the place of the empty one, so nothing that was typed is lost."""
    context = {**case_pages.prediction_context(found, row, request.user), **forms}  # type: ignore[arg-type]
    return render(request, "audits_runtime/prediction.html", context, status=400 if forms else 200)


def _appeal_page(request: HttpRequest, found: Appeal, **forms: Any) -> HttpResponse:
    context = {**case_pages.appeal_context(found, request.user), **forms}  # type: ignore[arg-type]
    return render(request, "audits_runtime/appeal.html", context, status=400 if forms else 200)


def _errors(form: FindForm) -> str:
    return " ".join(f"{name}: {' '.join(map(str, found))}" for name, found in form.errors.items())
