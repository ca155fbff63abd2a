from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from core.errors import Forbidden
from federation import budgets
from federation.models import Federation
from federation.own import own_participant
from federation.presentation.budgets import of_federation


class BudgetOutput(serializers.Serializer):
    """Epsilons are composed over all runs on the data set, at `delta`. `spent` is enforced, `spent_pld` displayed.

    `epsilon` and `left` are null where no budget is set; then nothing is refused.
    """

    site = serializers.CharField()
    institution = serializers.CharField()
    data_set = serializers.CharField()
    epsilon = serializers.FloatField(allow_null=True)
    delta = serializers.FloatField()
    spent = serializers.FloatField()
    spent_pld = serializers.FloatField()
    reserved = serializers.FloatField()
    left = serializers.FloatField(allow_null=True)
    unbounded_rounds = serializers.IntegerField()


class BudgetInput(serializers.Serializer):
    epsilon = serializers.FloatField(min_value=0.01, max_value=999)
    delta = serializers.FloatField(min_value=1e-12, max_value=0.01, default=1e-5)
    reason = serializers.CharField(max_length=2000)


class FederationBudgets(ListAPIView):
    """Privacy budgets of the sites of a federation; POST sets that of the caller's own institution."""

    actions = {"GET": "federation.view", "POST": "budget.set"}
    serializer_class = BudgetOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return []
        return list(of_federation(_federation(self.request, self.kwargs["federation_id"])))

    @extend_schema(request=BudgetInput, responses={201: BudgetOutput})
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Set the privacy budget of your own institution, with a reason."""
        if not isinstance(request.user, User):
            raise Forbidden("A budget is a person's decision: sign in; an API key can only read it.")
        found = _federation(request, federation_id)
        own = own_participant(found, request.user, "budget.set")
        given = BudgetInput(data=request.data)
        given.is_valid(raise_exception=True)
        budgets.budget_set(participant=own, actor=request.user, **given.validated_data)
        row = next(row for row in of_federation(found) if row.site == own.site)
        return Response(BudgetOutput(row).data, status=201)


def _federation(request: Request, federation_id: uuid.UUID) -> Federation:
    return get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)
