from __future__ import annotations

from rest_framework.permissions import BasePermission


class MayPerform(BasePermission):
    """The view names its action (`action_name`, or `actions = {"POST": …}` by method); the role matrix decides."""

    message = "Your role does not allow this."

    def has_permission(self, request, view) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        action = getattr(view, "actions", {}).get(request.method) or getattr(view, "action_name", None)
        if action is None:
            raise TypeError(f"{type(view).__name__} names no action for {request.method}")
        return request.user.may(action)
