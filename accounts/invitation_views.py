from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import invitations, keys
from accounts.access import requires
from accounts.identity_forms import InvitationForm
from accounts.models import User
from core.errors import ApplicationError, NotFound
from core.roles import Role

PER_PAGE = 50


@never_cache
@requires("people.invite")
@require_http_methods(["GET", "HEAD", "POST"])
def people_invite(request: HttpRequest) -> HttpResponse:
    actor = _person(request)
    of_platform = actor.memberships.filter(is_active=True, role=Role.ADMINISTRATOR, institution=None).exists()
    kwargs: dict[str, Any] = {"institutions": keys.institutions_of(actor), "of_platform": of_platform}
    form, sent, link, mailed = InvitationForm(request.POST or None, **kwargs), None, "", False
    if request.method == "POST" and form.is_valid():
        try:
            sent = invitations.invitation_send(actor=actor, **form.cleaned_data)
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            link = request.build_absolute_uri(invitations.way_in(sent))
            mailed = invitations.link_mail(sent, link)
            if settings.EMAIL_HOST and not mailed:
                messages.warning(request, "The mail could not be sent. Hand the link over yourself.")
            form = InvitationForm(**kwargs)
    context = {
        "form": form, "sent": sent, "link": link, "now": timezone.now(), "mailed": mailed,
        "page": Paginator(invitations.of_institutions(actor), PER_PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "accounts/invite.html", context, status=400 if form.errors else 200)


@requires("people.invite")
@require_POST
def invitation_withdraw(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    invitations.invitation_withdraw(actor=_person(request), invitation_id=invitation_id)
    messages.success(request, "Withdrawn: the role waits for nobody any more.")
    return redirect("people_invite")


@requires("account.own")
@require_POST
def invitation_accept(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """A person who is here already takes a further role."""
    if not invitations.invitations_accept(_person(request), only=invitation_id):
        raise NotFound("This invitation is not yours, or it was withdrawn or has ended.")
    messages.success(request, "Accepted: the role is yours from now on.")
    return redirect("home")


def _person(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
