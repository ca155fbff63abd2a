"""The home page over the API, and the document that describes all of it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import asked, person
from qflethics.api.reading import problems, sections
from qflethics.home.figures import key_figures
from qflethics.home.needs import needs_of
from qflethics.home.search import found, understood


class NeedOutput(serializers.Serializer):
    """One thing to do or to know."""

    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True, help_text="Where it is dealt with, on the pages.")
    tone = serializers.CharField(help_text="How urgent: halt, fail, warn, info, pass, muted or plain.")
    since = serializers.DateTimeField()


class FigureOutput(serializers.Serializer):
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)


class HomeOutput(serializers.Serializer):
    needs = NeedOutput(many=True)
    figures = FigureOutput(many=True)


class Home(APIView):
    action_name = "home.view"

    @extend_schema(responses=HomeOutput, operation_id="home")
    def get(self, request: Request) -> Response:
        """What waits for you, most urgent first, and how much there is."""
        user = person(request)
        return Response(HomeOutput({"needs": needs_of(user), "figures": key_figures(user)}).data)


class HitOutput(serializers.Serializer):
    title = serializers.CharField()
    url = serializers.CharField(help_text="The page of it.")
    detail = serializers.CharField(allow_blank=True)
    state = serializers.CharField(allow_blank=True)
    when = serializers.DateTimeField(allow_null=True)


class HitsOutput(serializers.Serializer):
    """What was found of one kind."""

    kind = serializers.CharField(source="key")
    more = serializers.BooleanField(help_text="There are more of this kind than are told; add a word.")
    hits = HitOutput(many=True)


class SearchOutput(serializers.Serializer):
    groups = HitsOutput(many=True)


class SearchFilter(serializers.Serializer):
    q = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="Words, a number, a digest or an identifier."
    )


class Search(APIView):
    action_name = "home.view"

    @extend_schema(responses=SearchOutput, operation_id="search", parameters=[SearchFilter])
    def get(self, request: Request) -> Response:
        """Everything that you may open, by words, number, digest or identifier."""
        wanted = asked(SearchFilter, request)["q"]
        return Response(SearchOutput({"groups": found(person(request), understood(wanted))}).data)


@cache
def document() -> dict[str, Any]:
    """The whole description. It depends on the code alone, so a process makes it once."""
    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def document_bytes() -> bytes:
    return json.dumps(document(), indent=1, sort_keys=False, default=str).encode() + b"\n"


class Schema(APIView):
    """For everybody: what the platform can be asked is no secret."""

    authentication_classes: list = []
    permission_classes: list = []
    schema = None

    def get(self, request: Request) -> HttpResponse:
        data = document_bytes()
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"', "Cache-Control": "public, max-age=300"}
        return HttpResponse(data, content_type="application/vnd.oai.openapi+json; version=3.1", headers=headers)


class Docs(APIView):
    """The same for people, as pages of our own: no script, no CDN. One page a section, so that none is long."""

    authentication_classes: list = []
    permission_classes: list = []
    schema = None

    def get(self, request: Request, section: str = "") -> HttpResponse:
        found = sections(document())
        one = next((one for one in found if one.name == section), None)
        if section and one is None:
            raise Http404(f"Expected one of {', '.join(one.name for one in found)}.")
        context = {"info": document()["info"], "sections": found, "section": one, "problems": problems()}
        template = "home/api_section.html" if one else "home/api_docs.html"
        return HttpResponse(render_to_string(template, context))
