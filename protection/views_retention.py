"""Pages of the retention schedule, its executions and legal holds."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import requires
from core.errors import ApplicationError, Forbidden
from protection import retention as service
from protection.domain.schedule import period
from protection.forms import HoldForm, LiftForm, RuleForm
from protection.models import LegalHold, RetentionExecution
from protection.views import tabs, user_of

PER_PAGE = 40


@requires("protection.view")
@require_safe
def retention(request: HttpRequest) -> HttpResponse:
    return _page(request)


@requires("protection.view")
@require_safe
def retention_preview(request: HttpRequest) -> HttpResponse:
    """What an execution would remove now; nothing is removed."""
    context = {
        "tabs": tabs("retention"), "rows": service.preview(), "may_execute": user_of(request).may("retention.manage")
    }  # fmt: skip
    return render(request, "protection/retention_preview.html", context)


@requires("retention.manage")
@require_POST
def retention_execute(request: HttpRequest) -> HttpResponse:
    done = service.execute(actor=user_of(request))
    removed, failed = sum(row.total for row in done), [row.record_class for row in done if row.error]
    if failed:
        messages.error(
            request, _("Could not be carried out for: %(failed)s. The rest is done.") % {"failed": ", ".join(failed)}
        )
    else:
        messages.success(
            request, _("The schedule is carried out: %(removed)s rows and files.") % {"removed": f"{removed:,}"}
        )
    return redirect("retention")


@requires("retention.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def retention_rule(request: HttpRequest, key: str) -> HttpResponse:
    rule = next((one for one in service.in_force() if one.record.key == key), None)
    if rule is None or not rule.record.may_be_set:
        raise Http404("There is no class of this name whose period is set here.")
    form = RuleForm(request.POST or None, initial={"days": rule.days, "legal_basis": rule.basis})
    if request.method == "POST" and form.is_valid():
        try:
            service.rule_set(record=rule.record, actor=user_of(request), **form.cleaned_data)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("%(record)s: the period is set.") % {"record": rule.record.title})
            return redirect("retention")
    context = {
        "tabs": tabs("retention"), "rule": rule, "form": form, "least": period(rule.record.least_days),
        "shipped": period(rule.record.days),
    }  # fmt: skip
    return render(request, "protection/retention_rule.html", context, status=400 if form.errors else 200)


@requires("hold.place")
@require_POST
def hold_place(request: HttpRequest) -> HttpResponse:
    form = HoldForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            service.hold_place(
                record=service.record_class(given["record_class"]), ends_on=given["ends_on"], reason=given["reason"],
                actor=user_of(request),
            )  # fmt: skip
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "The hold is in force: nothing of it is removed.")
            return redirect("retention")
    return _page(request, hold_form=form)


@requires("hold.place")
@require_POST
def hold_lift(request: HttpRequest, hold_id: uuid.UUID) -> HttpResponse:
    hold, form = get_object_or_404(LegalHold, pk=hold_id), LiftForm(request.POST)
    if not form.is_valid():
        raise ApplicationError("Say why the hold is lifted. Nothing was changed.")
    service.hold_lift(hold=hold, reason=form.cleaned_data["reason"], actor=user_of(request))
    messages.success(request, "The hold is lifted; the next execution removes what is due.")
    return redirect("retention")


def _page(request: HttpRequest, **forms: Any) -> HttpResponse:
    user, rules = user_of(request), service.in_force()
    page = Paginator(RetentionExecution.objects.select_related("held_by"), PER_PAGE).get_page(request.GET.get("page"))
    titles = {rule.record.key: rule.record.title for rule in rules}
    context = {
        "tabs": tabs("retention"), "rules": rules, "page": page, "today": timezone.now().date(),
        "executions": [(row, titles.get(row.record_class, row.record_class)) for row in page],
        "holds": [(hold, titles.get(hold.record_class, "Everything")) for hold in LegalHold.objects.all()[:50]],
        "may_manage": user.may("retention.manage"), "hold_form": HoldForm() if user.may("hold.place") else None,
        "may_hold": user.may("hold.place"), **forms,
    }  # fmt: skip
    return render(request, "protection/retention.html", context, status=400 if forms else 200)
