from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import ApplicationError
from federation.choosing import chosen_runs
from federation.presentation.comparison import Comparison, compare
from federation.presentation.comparison_export import as_csv, as_dict

_RUNS = OpenApiParameter(
    "run", OpenApiTypes.UUID, many=True, required=True, description="One to ten runs; repeat the parameter."
)


class RunComparison(APIView):
    """Finished runs beside one another: the quantum model against its twin, with paired test and interval."""

    action_name = "federation.view"

    @extend_schema(
        parameters=[_RUNS],
        responses=OpenApiTypes.OBJECT,
        operation_id="run_compare",
    )
    def get(self, request: Request) -> Response:
        """Runs that are not comparable are answered with `comparable` false and the reasons in `refused`."""
        return Response(as_dict(_comparison(request)))


class RunComparisonTable(APIView):
    action_name = "federation.view"

    @extend_schema(parameters=[_RUNS], responses={(200, "text/csv"): OpenApiTypes.STR}, operation_id="run_compare_csv")
    def get(self, request: Request) -> HttpResponse:
        """The comparison as CSV. Runs that are not comparable are refused with the reasons."""
        found = _comparison(request)
        if found.refused:
            raise ApplicationError(" ".join(found.refused))
        headers = {"Content-Disposition": 'attachment; filename="comparison.csv"', "Cache-Control": "no-store"}
        return HttpResponse(as_csv(found), content_type="text/csv; charset=utf-8", headers=headers)


def _comparison(request: Request) -> Comparison:
    runs = chosen_runs(request.query_params.getlist("run"), request.user)
    if not runs:
        raise ApplicationError("Expected at least one run (?run=<id>), got none.")
    return compare(runs)
