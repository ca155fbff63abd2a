"""Studies of the sites' features and contributions, and the certificates of their machines."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from federation import contribution_studies, contributions, door, feature_studies
from federation.api.views_pages import OfFederation
from federation.models import ContributionStudy, FeatureStudy, Federation, SitePass, TrainingRun

_LOW, _HIGH = feature_studies.EPSILONS


class FeatureStudyInput(serializers.Serializer):
    """The noise grows with the root of the number of features, so ask for what matters."""

    features = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=200,
        help_text="Names of features that every site has; a wrong one is answered with those that are.",
    )  # fmt: skip
    epsilon = serializers.FloatField(
        min_value=_LOW, max_value=_HIGH, default=1.0,
        help_text="What it spends of each patient at each site. Smaller is more private and makes more noise.",
    )  # fmt: skip


class FeatureStudyOutput(serializers.ModelSerializer):
    """`result` is of the sites that have answered so far; null: none has."""

    question = serializers.DictField(child=serializers.JSONField(), help_text="Features, and the noise of the answers.")
    result = serializers.DictField(child=serializers.JSONField(), allow_null=True)

    class Meta:
        model = FeatureStudy
        fields = ["id", "created_at", "federation", "question", "epsilon", "delta", "result", "requested_by",
                  "finished_at"]  # fmt: skip


class ContributionStudyInput(serializers.Serializer):
    epsilon = serializers.FloatField(
        min_value=_LOW, max_value=_HIGH, required=False, allow_null=True, default=None,
        help_text="What noised scores may spend of each patient. Needed for a run with differential privacy, and where "
        "an institution has set a budget; without it the scores are exact.",
    )  # fmt: skip


class ContributionStudyOutput(serializers.ModelSerializer):
    """`result` says what each site gained the model; null until every site has answered.

    Without noise (`epsilon` null) it holds the caller's own sites alone.
    """

    result = serializers.SerializerMethodField()

    class Meta:
        model = ContributionStudy
        fields = ["id", "created_at", "run", "epsilon", "delta", "result", "error", "requested_by", "finished_at"]

    @extend_schema_field(serializers.DictField(child=serializers.JSONField(), allow_null=True))
    def get_result(self, row: ContributionStudy) -> dict | None:
        user = self.context["request"].user
        return contributions.shown_to(row.result, contribution_studies.visible_sites(row, user))


class SitePassOutput(serializers.ModelSerializer):
    """A certificate that lets a hospital's machine in. `fingerprint` is its SHA-256."""

    site = serializers.CharField(source="participant.site")
    institution = serializers.CharField(source="participant.institution.slug")
    has_ended = serializers.BooleanField(help_text="Revoked, or past its time.")
    over_flare_alone = serializers.BooleanField(
        source="participant.is_over_flare", help_text="The site has no way to the broker; FLARE brings every order."
    )

    class Meta:
        model = SitePass
        fields = ["id", "created_at", "site", "institution", "over_flare_alone", "kind", "fingerprint", "not_after",
                  "handed_to", "handed_at", "has_ended", "revoked_by", "revoked_at"]  # fmt: skip


class SitePassFilter(serializers.Serializer):
    kind = serializers.ChoiceField(choices=SitePass.Kind.choices, required=False)
    site = serializers.CharField(source="participant__site", max_length=40, required=False)
    unrevoked = serializers.BooleanField(source="revoked_at__isnull", required=False, help_text="Not revoked.")


class FeatureStudies(OfFederation, ListAPIView):
    """How the sites' features are distributed, newest question first; POST asks anew."""

    actions = {"GET": "federation.view", "POST": "federation.manage"}
    serializer_class = FeatureStudyOutput
    queryset = FeatureStudy.objects.none()

    def get_queryset(self) -> Any:
        return self.federation().feature_studies.all()

    @extend_schema(request=FeatureStudyInput, responses={202: FeatureStudyOutput}, operation_id="feature_study")
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Ask every site. It is charged to each budget first; GET shows the answers as they come."""
        found, told = self.federation(), given(FeatureStudyInput, request)
        made = feature_studies.study_start(federation=found, actor=person(request), **told)
        return Response(FeatureStudyOutput(made).data, status=202)


class ContributionStudies(ListAPIView):
    """What each site gained a run's model, newest study first; POST starts one."""

    actions = {"GET": "federation.view", "POST": "federation.manage"}
    serializer_class = ContributionStudyOutput
    queryset = ContributionStudy.objects.none()

    def get_queryset(self) -> Any:
        return self._run().contribution_studies.select_related("run__federation")

    @extend_schema(
        request=ContributionStudyInput, responses={202: ContributionStudyOutput}, operation_id="contribution_study"
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Have the sites score a finished run's model with and without each of them. Not under masking.

        Noised scores are charged to each institution's budget first.
        """
        told = given(ContributionStudyInput, request)
        made = contribution_studies.study_start(run=self._run(), actor=person(request), **told)
        return Response(self.get_serializer(made).data, status=202)

    def _run(self) -> TrainingRun:
        return get_object_or_404(TrainingRun.objects.for_user(self.request.user), id=self.kwargs["run_id"])


class SitePasses(OfFederation, ListAPIView):
    """Certificates of the sites' machines, newest first. No key is in them."""

    serializer_class = SitePassOutput
    filters = SitePassFilter
    queryset = SitePass.objects.none()

    def get_queryset(self) -> Any:
        rows = SitePass.objects.filter(participant__federation=self.federation())
        return rows.select_related("participant__institution")


class SitePassRevocation(APIView):
    action_name = "federation.manage"

    @extend_schema(request=None, responses=SitePassOutput, operation_id="site_pass_revoke")
    def post(self, request: Request, pass_id: uuid.UUID) -> Response:
        """End a certificate: it opens nothing any more, also for a machine that is in."""
        reachable = SitePass.objects.filter(participant__federation__in=Federation.objects.for_user(request.user))
        row = get_object_or_404(reachable.select_related("participant__institution"), id=pass_id)
        door.revoke(row=row, actor=person(request))
        row.refresh_from_db()
        return Response(SitePassOutput(row).data)
