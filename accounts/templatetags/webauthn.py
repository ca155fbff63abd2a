from __future__ import annotations

import json
from typing import Any

from django import template
from fido2.utils import websafe_encode

register = template.Library()


@register.simple_tag
def public_key(options: Any) -> str:
    """What the browser's `navigator.credentials` is asked, as JSON (bytes in base64url); the template escapes it."""
    return json.dumps(_plain(options.get("publicKey", options)))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return websafe_encode(value)
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
