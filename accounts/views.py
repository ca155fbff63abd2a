from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import erasure, invitations, people
from accounts.access import requires
from accounts.forms import ErasePatientForm, ErasePersonForm
from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Forbidden

PER_PAGE = 50


@requires("people.view")
@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    viewer = _viewer(request)
    page = Paginator(people.listed(viewer), PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "accounts/people.html",
        {"page": page, "may_erase": viewer.may("people.erase"), "may_invite": viewer.may("people.invite")},
    )


@requires("people.invite")
@require_POST
def membership_end(request: HttpRequest, membership_id: uuid.UUID) -> HttpResponse:
    ended = invitations.membership_end(actor=_viewer(request), membership_id=membership_id)
    messages.success(
        request, _("%(who)s is not %(role)s any more.") % {"who": ended.user, "role": gettext(ended.get_role_display())}
    )
    return redirect("people")


@requires("people.erase")
@require_http_methods(["GET", "HEAD", "POST"])
def person_erase(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """What will be lost; then, confirmed by typing, it is."""
    actor = _viewer(request)
    person = get_object_or_404(people.people_for(actor), pk=user_id)
    form = ErasePersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name = str(person)
        try:
            receipt = erasure.subject_erase(subject=person, actor=actor, **form.cleaned_data)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            return render(request, "accounts/erased.html", {"receipt": receipt, "what": name})
    found = erasure.losses(person)
    context = {
        "person": person,
        "form": form,
        "losses": found,
        "held_until": erasure.held_until(found),
        "may_erase": erasure.may_erase(actor, person),
        "retention_years": round(settings.DECISION_RETENTION_DAYS / 365),
    }
    return render(request, "accounts/person_erase.html", context)


@requires("people.erase")
@require_http_methods(["GET", "HEAD", "POST"])
def patient_erase(request: HttpRequest) -> HttpResponse:
    form = ErasePatientForm(request.POST or None, actor=_viewer(request))
    if request.method == "POST" and form.is_valid():
        try:
            receipt = erasure.patient_erase(actor=_viewer(request), **form.cleaned_data)
        except Forbidden:
            raise
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            return render(request, "accounts/erased.html", {"receipt": receipt, "what": "The patient"})
    return render(request, "accounts/patient_erase.html", {"form": form, "held": erasure.patients_held()})


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
class Activate(PasswordResetConfirmView):
    """Where the owner of a new account sets a password, by the link of `invitations.activation_path`."""

    template_name = "accounts/activate.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form) -> HttpResponse:
        with governed(action="account.activate", actor=form.user.pk):
            answer = super().form_valid(form)
            invitations.invitations_accept(form.user)
        messages.success(self.request, "Your password is set. Sign in with your address.")
        return answer


def _viewer(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
