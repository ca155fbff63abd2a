from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import requires
from federation import budgets
from federation.forms_budget import BudgetForm
from federation.models import Federation
from federation.own import own_participant
from federation.views import federation_page


@requires("budget.set")
@require_POST
def budget_set(request: HttpRequest, federation_id: uuid.UUID) -> HttpResponse:
    """An ethics officer sets the budget of the own institution's data in this federation."""
    user: Any = request.user
    found = get_object_or_404(Federation.objects.for_user(user), id=federation_id)
    own = own_participant(found, user, "budget.set")
    form = BudgetForm(request.POST)
    if not form.is_valid():
        return federation_page(request, found, budget_form=form, status=400)
    budget = budgets.budget_set(participant=own, actor=user, **form.cleaned_data)
    messages.success(
        request,
        _("The budget of %(institution)s for %(data_set)s is ε %(epsilon)s from now.")
        % {"institution": own.institution, "data_set": budget.data_set, "epsilon": f"{budget.epsilon:g}"},
    )
    return redirect("federation", found.id)
