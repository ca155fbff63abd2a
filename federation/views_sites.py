from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import requires
from core.errors import ApplicationError
from federation import joining
from federation.domain.invitation import Invitation
from federation.forms_sites import InvitationForm
from federation.models import Federation, SiteInvitation
from federation.presentation import invitations as shown

PER_PAGE = 20


@requires("federation.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def site_invite(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    """Invite a hospital. The answer is the invitation itself, as a file: it is shown once and kept nowhere."""
    found = _federation(request, federation_id)
    if request.method != "POST":
        return _page(request, found, InvitationForm())
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=400)
    person: Any = request.user
    given = {**form.cleaned_data, "federation": found, "actor": person}
    try:
        if given.pop("by_operator"):
            row = joining.invitation_offer(**given)
            messages.success(
                request,
                _("%(institution)s is invited. Its site's operator downloads the file.")
                % {"institution": row.institution},
            )
            return redirect("site_invite", found.id)
        row, invitation = joining.invitation_issue(**given)
    except ApplicationError as error:
        form.add_error(None, str(error))
        return _page(request, found, form, status=error.status)
    return _file(invitation)


@requires("site.kit")
@require_POST
def invitation_take(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """The invitation of the operator's own institution, once."""
    person: Any = request.user
    own = SiteInvitation.objects.filter(institution__in=person.institution_ids)
    return _file(joining.invitation_take(invitation=get_object_or_404(own, id=invitation_id), actor=person))


def _file(invitation: Invitation) -> HttpResponse:
    answer = HttpResponse(invitation.as_text(), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="invitation-{invitation.site}.json"'
    answer["Cache-Control"] = "no-store"
    return answer


@requires("federation.manage")
@require_POST
def site_uninvite(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    reachable = Federation.objects.for_user(request.user)
    row = get_object_or_404(SiteInvitation.objects.filter(federation__in=reachable), id=invitation_id)
    person: Any = request.user
    joining.invitation_revoke(invitation=row, actor=person)
    messages.success(
        request, _("The invitation of %(institution)s opens nothing any more.") % {"institution": row.institution}
    )
    return redirect("site_invite", row.federation_id)


def _federation(request: HttpRequest, federation_id: uuid.UUID) -> Federation:
    return get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)


def _page(request: HttpRequest, found: Federation, form: InvitationForm, status: int = 200) -> HttpResponse:
    rows = found.invitations.select_related("institution", "invited_by")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"federation": found, "form": form, "page": page, "rows": shown.rows(found, page), "gate": shown.gate()}
    return render(request, "federation/site_invite.html", context, status=status)
