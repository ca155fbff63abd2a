from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import ApplicationError
from federation.choosing import chosen_runs
from federation.presentation.comparison import compare
from federation.presentation.comparison_export import as_dict


class RunComparison(APIView):
    """Finished runs beside one another: the quantum model against its twin, with paired test and interval."""

    action_name = "federation.view"

    @extend_schema(
        parameters=[
            OpenApiParameter("run", OpenApiTypes.UUID, many=True, description="One to ten runs; repeat the parameter.")
        ],
        responses=OpenApiTypes.OBJECT,
        operation_id="run_compare",
    )
    def get(self, request: Request) -> Response:
        """Runs that are not comparable are answered with `comparable` false and the reasons in `refused`."""
        runs = chosen_runs(request.query_params.getlist("run"), request.user)
        if not runs:
            raise ApplicationError("Expected at least one run (?run=<id>), got none.")
        return Response(as_dict(compare(runs)))
