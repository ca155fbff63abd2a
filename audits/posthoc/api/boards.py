"""Reviews of the board: convening, declaring, finding, signing, following up."""

from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from audits.posthoc import boards
from audits.posthoc.api.serializers import BoardFindingOutput, BoardReviewOutput
from audits.posthoc.board_forms import people
from audits.posthoc.models import BoardFinding, BoardReview
from audits.posthoc.models_boards import BoardReviewQuerySet
from core.roles import Role
from models_registry.models import Version


class BoardReviewFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=BoardReview.State.choices, required=False)
    board = serializers.CharField(max_length=120, required=False)
    month = serializers.DateField(required=False, help_text="The first day of the month.")


class BoardReviewInput(serializers.Serializer):
    """Two members at least, of two houses, one of them an auditor; without a chair, the first auditor among them."""

    board = serializers.CharField(max_length=120)
    month = serializers.DateField(help_text="Any day of it.")
    members = serializers.PrimaryKeyRelatedField(
        queryset=people(Role.AUDITOR, Role.ETHICS_OFFICER, Role.EXTERNAL_AUDITOR),
        many=True,
        pk_field=serializers.UUIDField(),
    )
    chair = serializers.PrimaryKeyRelatedField(
        queryset=people(Role.AUDITOR, Role.ETHICS_OFFICER, Role.EXTERNAL_AUDITOR), required=False,
        pk_field=serializers.UUIDField(),
    )  # fmt: skip


class DeclarationInput(serializers.Serializer):
    conflict = serializers.CharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        default="",
        help_text="Empty: you declare that you have none.",
    )


class BoardFindingInput(serializers.Serializer):
    severity = serializers.ChoiceField(choices=BoardFinding.Severity.choices)
    text = serializers.CharField(max_length=4000)
    owner = serializers.PrimaryKeyRelatedField(
        queryset=people(Role.ADMINISTRATOR, Role.ETHICS_OFFICER, Role.SITE_OPERATOR), pk_field=serializers.UUIDField(),
        help_text="Who answers for it.",
    )  # fmt: skip
    due_on = serializers.DateField()
    version = serializers.PrimaryKeyRelatedField(
        queryset=Version.objects.select_related("model"), required=False, allow_null=True, default=None,
        pk_field=serializers.UUIDField(), help_text="Null: the platform.",
    )  # fmt: skip
    blocking = serializers.BooleanField(required=False, default=False, help_text="Stands in the way of deployments.")


class FollowInput(serializers.Serializer):
    state = serializers.ChoiceField(choices=BoardFinding.State.choices)
    text = serializers.CharField(max_length=2000)


class _Scoped(generics.GenericAPIView):
    queryset = BoardReview.objects.all()
    serializer_class = BoardReviewOutput
    lookup_url_kwarg = "review_id"

    def get_queryset(self) -> BoardReviewQuerySet:
        return BoardReview.objects.for_user(self.request.user).prefetch_related("findings")

    def shown(self, review: BoardReview, status: int = 200) -> Response:
        found = self.get_queryset().get(id=review.id)
        return Response(BoardReviewOutput(found, context={"request": self.request}).data, status=status)


class BoardReviews(_Scoped, generics.ListAPIView):
    """Reviews of the board that the caller may see, newest first."""

    actions = {"GET": "board.view", "POST": "board.convene"}
    filters = BoardReviewFilter

    @extend_schema(request=BoardReviewInput, responses={201: BoardReviewOutput}, operation_id="board_convene")
    def post(self, request: Request) -> Response:
        """Convene a review with its members; the agenda is what is open at this moment."""
        made = boards.review_convene(**given(BoardReviewInput, request), actor=person(request))
        return self.shown(made, 201)


class BoardReviewDetail(_Scoped, generics.RetrieveAPIView):
    """One review: agenda, and the findings within your reach."""

    action_name = "board.view"


class BoardDeclaration(_Scoped):
    action_name = "board.hold"

    @extend_schema(request=DeclarationInput, responses={201: BoardReviewOutput}, operation_id="board_declare")
    def post(self, request: Request, review_id: uuid.UUID) -> Response:
        """Declare a conflict of interest, or that you have none. It never changes."""
        review = self.get_object()
        boards.conflict_declare(review=review, **given(DeclarationInput, request), actor=person(request))
        return self.shown(review, 201)


class BoardFindings(_Scoped):
    action_name = "board.hold"

    @extend_schema(request=BoardFindingInput, responses={201: BoardFindingOutput}, operation_id="board_find")
    def post(self, request: Request, review_id: uuid.UUID) -> Response:
        """Keep a finding. A blocking one stands in the way of new deployments until it is closed."""
        review = self.get_object()
        made = boards.finding_add(review=review, **given(BoardFindingInput, request), actor=person(request))
        return Response(BoardFindingOutput(made).data, status=201)


class BoardSignature(_Scoped):
    action_name = "board.hold"

    @extend_schema(request=None, responses={201: BoardReviewOutput}, operation_id="board_sign")
    def post(self, request: Request, review_id: uuid.UUID) -> Response:
        """Sign a review off, after every member has declared: an auditor of its members."""
        return self.shown(boards.review_sign(review=self.get_object(), actor=person(request)), 201)


class BoardFollowUp(APIView):
    action_name = "board.follow"

    @extend_schema(request=FollowInput, responses={201: BoardFindingOutput}, operation_id="board_follow")
    def post(self, request: Request, finding_id: uuid.UUID) -> Response:
        """Take a finding one step on: its owner works on it, an auditor who does not own it closes or reopens it."""
        seen = BoardReview.objects.for_user(request.user)
        finding = get_object_or_404(BoardFinding.objects.filter(review__in=seen), id=finding_id)
        done = boards.finding_follow(finding=finding, **given(FollowInput, request), actor=person(request))
        return Response(BoardFindingOutput(done).data, status=201)
