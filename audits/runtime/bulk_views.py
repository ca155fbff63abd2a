from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from audits.downloads import download_recorded
from audits.runtime import bulk
from audits.runtime.bulk_files import MAX_BYTES, MAX_ROWS, columns_of, optional_columns
from audits.runtime.declared import declared_by
from audits.runtime.models_bulk import BulkPrediction
from core.errors import ApplicationError
from models_registry.models import Deployment

PER_PAGE = 20


@requires("prediction.request")
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_predictions(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponse:
    """The person's own files for a deployment, and the form that sends another."""
    found = Deployment.objects.for_user(request.user).select_related("version__model__federation")
    deployment, problem = get_object_or_404(found, id=deployment_id), ""
    if request.method == "POST":
        try:
            made = _start(request, deployment)
            messages.success(request, _("%(n)s cases are taken and predicted in the background.") % {"n": made.rows})
            return redirect("bulk_prediction", made.id)
        except ApplicationError as error:
            problem = error.message
    declared = declared_by(deployment.version)
    own = deployment.bulk_predictions.filter(requested_by=request.user)
    context = {
        "deployment": deployment, "problem": problem, "imaged": declared.imaged, "columns": columns_of(declared),
        "optional": optional_columns(declared), "most": MAX_ROWS,
        "page": Paginator(own, PER_PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "audits_runtime/bulk_predictions.html", context, status=400 if problem else 200)


def _start(request: HttpRequest, deployment: Deployment) -> BulkPrediction:
    sent = request.FILES.get("cases")
    if sent is None:
        raise ApplicationError("Choose a file of cases: CSV or a JSON record a line.")
    if (sent.size or 0) > MAX_BYTES:
        raise ApplicationError(
            _("Expected a file of at most %(max_bytes)s MiB. Cut it into parts.") % {"max_bytes": MAX_BYTES // 2**20}
        )
    return bulk.bulk_start(deployment=deployment, actor=request.user, data=sent.read(), name=sent.name or "")  # type: ignore[arg-type]


@requires("prediction.request")
@require_safe
def bulk_prediction(request: HttpRequest, bulk_id: uuid.UUID) -> HttpResponse:
    found = _own(request, bulk_id)
    return render(request, "audits_runtime/bulk_prediction.html", {"bulk": found, "deployment": found.deployment})


@requires("prediction.request")
@require_POST
def bulk_prediction_cancel(request: HttpRequest, bulk_id: uuid.UUID) -> HttpResponse:
    found = _own(request, bulk_id)
    bulk.bulk_cancel(bulk=found, actor=request.user)  # type: ignore[arg-type]
    messages.success(request, "Cancelled. The cases in hand are finished; the rest is not predicted.")
    return redirect("bulk_prediction", found.id)


@requires("prediction.request")
@require_safe
def bulk_prediction_answers(request: HttpRequest, bulk_id: uuid.UUID, form: str) -> HttpResponse:
    found = _own(request, bulk_id)
    made = bulk.bulk_answers(found, form).encode()
    data = download_recorded(subject=found.id, kind=form, data=made, reader=request.user)
    response = HttpResponse(data, content_type=bulk.FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="predictions-{found.id}.{form}"'
    response["Cache-Control"] = "no-store"
    return response


def _own(request: HttpRequest, bulk_id: uuid.UUID) -> BulkPrediction:
    """A file belongs to the person who sent it: it names patients."""
    own = BulkPrediction.objects.filter(requested_by_id=request.user.pk).select_related("deployment__version__model")
    return get_object_or_404(own, id=bulk_id)
