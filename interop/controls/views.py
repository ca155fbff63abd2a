from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import requires
from interop.controls.exports import exported


@requires("control.view")
@require_safe
def controls_export(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    return exported(key, kind)
