from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class JSONUnlessAsked(DefaultContentNegotiation):
    """Whatever a client would rather have, it gets what the address gives (RFC 9110, 12.4.1): there is nothing else.

    Files are PDF or CSV by their address, and a client that accepts only those must not be refused for it.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type
