"""What belongs to the office of whoever decides: their own keys, and who stands in for them."""

from __future__ import annotations

import json
import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import requires
from accounts.reauthentication import reauthenticate
from core.errors import ApplicationError
from models_registry import signatures
from models_registry.approval_views import requires_or_stands_in, site_of
from models_registry.delegations import concerning, delegate, delegation_revoke
from models_registry.forms import AbsenceForm, KeyForm
from models_registry.models import Delegation, ReviewerKey
from models_registry.views import person


@requires_or_stands_in("key.hold")
@require_http_methods(["GET", "HEAD", "POST"])
def approval_keys(request: HttpRequest) -> HttpResponse:
    """The person's keys. A key of the signing program is registered in two steps, a security key in one."""
    if request.method != "POST":
        return _keys_page(request, KeyForm())
    if "credential" in request.POST:
        return _security_key(request)
    form = KeyForm(request.POST)
    if "proof" not in request.POST:  # first step: the text that the new key signs
        return _keys_page(request, KeyForm(initial={"public_key": request.POST.get("public_key", "").strip()}))
    if not form.is_valid():
        return _keys_page(request, form, status=400)
    try:
        reauthenticate(request, person(request), form.cleaned_data["password"])
        signatures.key_register(
            user=person(request), public_key=form.cleaned_data["public_key"], proof=form.cleaned_data["proof"]
        )  # fmt: skip
    except ApplicationError as error:
        form.add_error(None, error.message)
        return _keys_page(request, form, status=error.status)
    messages.success(request, "The key is registered. From now on your decisions are signed with it.")
    return redirect("approval_keys")


def _security_key(request: HttpRequest) -> HttpResponse:
    user = person(request)
    try:
        reauthenticate(request, user, request.POST.get("password", ""))
        signatures.security_key_register(
            user=user, state=request.POST.get("state", ""), credential=request.POST["credential"],
            site=site_of(request),
        )  # fmt: skip
    except ApplicationError as error:
        messages.error(request, error.message)
        return _keys_page(request, KeyForm(), status=error.status)
    messages.success(request, "The security key is registered. From now on your decisions are signed with it.")
    return redirect("approval_keys")


def _keys_page(request: HttpRequest, form: KeyForm, status: int = 200) -> HttpResponse:
    user = person(request)
    public_key = form.data.get("public_key") or form.initial.get("public_key") or ""
    options, state = signatures.security_key_options(user=user, site=site_of(request))
    context = {
        "keys": ReviewerKey.objects.filter(user=user), "form": form, "public_key": public_key,
        "text": signatures.key_challenge(user=user, public_key=public_key) if public_key else "",
        "options": json.dumps(options), "key_state": state,
    }  # fmt: skip
    return render(request, "models_registry/approval_keys.html", context, status=status)


@requires_or_stands_in("key.hold")
@require_POST
def approval_key_revoke(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    key = get_object_or_404(ReviewerKey, id=key_id, user=person(request))
    signatures.key_revoke(key=key, actor=person(request))
    messages.success(request, "The key is revoked. What it signed stays verifiable.")
    return redirect("approval_keys")


@requires("approval.delegate")
@require_http_methods(["GET", "HEAD", "POST"])
def approval_absence(request: HttpRequest) -> HttpResponse:
    """Who decides in an officer's place, and when."""
    user = person(request)
    form = AbsenceForm(request.POST or None, officer=user)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                made = delegate(officer=user, **form.cleaned_data)
            except ApplicationError as error:
                form.add_error(None, error.message)
            else:
                messages.success(
                    request, _("%(who)s decides in your place for the time you named.") % {"who": made.deputy}
                )
                return redirect("approval_absence")
        status = 400
    context = {"form": form, "given": concerning(user), "now": timezone.now()}
    return render(request, "models_registry/approval_absence.html", context, status=status)


@requires("approval.delegate")
@require_POST
def approval_absence_end(request: HttpRequest, delegation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Delegation, id=delegation_id, officer=person(request))
    delegation_revoke(delegation=found, actor=person(request))
    messages.success(request, "It is ended. Decisions that were made meanwhile stand.")
    return redirect("approval_absence")
