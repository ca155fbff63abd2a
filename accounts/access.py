"""Who may open a page: `@requires("run.start")`. Every page of ours carries it; a test enumerates them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.errors import Forbidden


def requires(action: str) -> Callable:
    """Let through who may perform the action; anyone else signed in gets a 403 that says which roles may."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if not request.user.may(action):  # type: ignore[union-attr]
                from core.roles import LABELS, MATRIX

                own = request.user.role_label  # type: ignore[union-attr]
                roles = ", ".join(_(LABELS[role]) for role in sorted(MATRIX[action]))
                said = _("This is for: %(roles)s. You are signed in as: %(own)s.")
                raise Forbidden(said % {"roles": roles, "own": ", ".join(map(_, own.split(", ")))})
            return view(request, *args, **kwargs)

        checked.action = action  # type: ignore[attr-defined]
        return checked

    return decorate
