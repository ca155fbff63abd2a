"""What a person sees and chooses for themselves: inbox, preferences, saved views."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import personal, views_saved
from accounts.api.callers import given, person
from accounts.forms_personal import PreferencesForm
from accounts.inbox import KINDS, Way, kinds_of, preferences_of, way_of
from accounts.models import Message, Preferences, SavedView, User

_LANGUAGES = [("", "As the browser asks"), *settings.LANGUAGES]


class MessageOutput(serializers.ModelSerializer):
    """One thing that you were told. It names no patient."""

    class Meta:
        model = Message
        fields = ["id", "created_at", "kind", "title", "text", "path", "read_at"]


class MessageFilter(serializers.Serializer):
    kind = serializers.ChoiceField(choices=sorted(KINDS), required=False)
    unread = serializers.BooleanField(source="read_at__isnull", required=False)


class ReadOutput(serializers.Serializer):
    read = serializers.IntegerField(help_text="How many were marked as read.")


class PreferencesOutput(serializers.Serializer):
    language = serializers.CharField(allow_blank=True, help_text="Of pages; empty: as the browser asks.")
    time_zone = serializers.CharField(help_text="Of times on pages.")
    shortcuts = serializers.BooleanField(help_text="Single keys are shortcuts on pages.")
    digest = serializers.ChoiceField(choices=Preferences.Digest.choices, help_text="Of what is unread, by e-mail.")
    ways = serializers.DictField(
        child=serializers.ChoiceField(choices=Way.choices),
        help_text="Each kind of message that can reach you, and how.",
    )


class PreferencesInput(serializers.Serializer):
    """All of them; of `ways`, what is left out stays."""

    language = serializers.ChoiceField(choices=_LANGUAGES, allow_blank=True, help_text="Empty: as the browser asks.")
    time_zone = serializers.CharField(max_length=64, help_text="Of the IANA database, as Europe/Berlin.")
    shortcuts = serializers.BooleanField()
    digest = serializers.ChoiceField(choices=Preferences.Digest.choices)
    ways = serializers.DictField(
        child=serializers.ChoiceField(choices=Way.choices), default=dict,
        help_text="Kind of message, and how it comes. Halts and overdue matters are always sent.",
    )  # fmt: skip


class SavedViewOutput(serializers.ModelSerializer):
    """A list with its filters, under a name."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)  # type: ignore[var-annotated]
    address = serializers.CharField(help_text="Of the page, with its filters.")

    class Meta:
        model = SavedView
        fields = ["id", "created_at", "name", "path", "query", "address", "owner", "institution", "removed_at"]


class SavedViewFilter(serializers.Serializer):
    path = serializers.CharField(max_length=200, required=False, help_text="Of the page, as /runs/.")


class SavedViewInput(serializers.Serializer):
    """A name that you have on this page already is given the new filters."""

    name = serializers.CharField(max_length=60)
    path = serializers.CharField(max_length=200, help_text="Of a page of this platform, as /deployments/.")
    query = serializers.CharField(max_length=1000, default="", allow_blank=True, help_text="The filters.")
    share = serializers.BooleanField(default=False, help_text="Within your institution.")

    def validate_name(self, name: str) -> str:
        return " ".join(name.split())


class Inbox(generics.ListAPIView):
    """What you were told, newest first."""

    action_name = "account.own"
    queryset = Message.objects.none()
    serializer_class = MessageOutput
    filters = MessageFilter

    def get_queryset(self) -> Any:
        return Message.objects.filter(user=person(self.request))


class InboxReading(APIView):
    action_name = "account.own"

    @extend_schema(request=None, responses=ReadOutput, operation_id="inbox_read")
    def post(self, request: Request) -> Response:
        """Mark all that is unread as read."""
        unread = Message.objects.unread().filter(user=person(request))
        return Response({"read": unread.update(read_at=timezone.now())})


class MessageReading(APIView):
    action_name = "account.own"

    @extend_schema(request=None, responses=MessageOutput, operation_id="message_read")
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """Mark a message as read."""
        own = Message.objects.filter(user=person(request), id=message_id)
        own.unread().update(read_at=timezone.now())
        return Response(MessageOutput(get_object_or_404(own)).data)


class MessageUnreading(APIView):
    action_name = "account.own"

    @extend_schema(request=None, responses=MessageOutput, operation_id="message_unread")
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        """Take "read" back."""
        own = Message.objects.filter(user=person(request), id=message_id)
        own.update(read_at=None)
        return Response(MessageOutput(get_object_or_404(own)).data)


class MyPreferences(APIView):
    actions = {"GET": "account.own", "PUT": "account.own"}

    @extend_schema(responses=PreferencesOutput, operation_id="preferences")
    def get(self, request: Request) -> Response:
        """Language, time zone, shortcuts, and how you hear of things."""
        user = person(request)
        return Response(_shown(user, preferences_of(user)))

    @extend_schema(request=PreferencesInput, responses=PreferencesOutput, operation_id="preferences_save")
    def put(self, request: Request) -> Response:
        """Choose them. What is always sent cannot be turned off."""
        user, told = person(request), given(PreferencesInput, request)
        now = preferences_of(user)
        ways = {kind.key: way_of(now, kind) for kind in kinds_of(user)} | told.pop("ways")
        form = PreferencesForm(
            {**told, **{f"way_{kind}": way for kind, way in ways.items()}}, user=user, preferences=now
        )  # fmt: skip
        if not form.is_valid():
            raise serializers.ValidationError({name: list(map(str, words)) for name, words in form.errors.items()})
        made = Preferences.objects.update_or_create(user=user, defaults=form.chosen())[0]
        personal.remember(request._request, made)
        return Response(_shown(user, made))


class SavedViews(generics.ListAPIView):
    """Your saved views, and those that others share within your institution, by name."""

    actions = {"GET": "account.own", "POST": "account.own"}
    queryset = SavedView.objects.none()
    serializer_class = SavedViewOutput
    filters = SavedViewFilter

    def get_queryset(self) -> Any:
        return SavedView.objects.for_user(person(self.request)).select_related("institution")

    @extend_schema(request=SavedViewInput, responses={201: SavedViewOutput}, operation_id="view_save")
    def post(self, request: Request) -> Response:
        """Keep a page with its filters under a name."""
        made = views_saved.view_save(user=person(request), **given(SavedViewInput, request))
        return Response(SavedViewOutput(made).data, status=201)


class SavedViewRemoval(APIView):
    action_name = "account.own"

    @extend_schema(request=None, responses=SavedViewOutput, operation_id="view_remove")
    def post(self, request: Request, view_id: uuid.UUID) -> Response:
        """Remove a view of yours; within a day it can be brought back."""
        view = get_object_or_404(SavedView, id=view_id, owner=person(request), removed_at=None)
        views_saved.view_remove(view)
        view.refresh_from_db()
        return Response(SavedViewOutput(view).data)


class SavedViewReturn(APIView):
    action_name = "account.own"

    @extend_schema(request=None, responses=SavedViewOutput, operation_id="view_restore")
    def post(self, request: Request, view_id: uuid.UUID) -> Response:
        """Bring a removed view back."""
        view = get_object_or_404(SavedView, id=view_id, owner=person(request), removed_at__isnull=False)
        views_saved.view_restore(view)
        view.refresh_from_db()
        return Response(SavedViewOutput(view).data)


def _shown(user: User, preferences: Preferences) -> dict[str, Any]:
    names = ("language", "time_zone", "shortcuts", "digest")
    told: dict[str, Any] = {name: getattr(preferences, name) for name in names}
    told["ways"] = {kind.key: way_of(preferences, kind) for kind in kinds_of(user)}
    return PreferencesOutput(told).data
