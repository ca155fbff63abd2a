from __future__ import annotations

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission

from core.roles import LABELS, MATRIX


class MayPerform(BasePermission):
    """The view names its action (`action_name`, or `actions = {"POST": …}` by method); the role matrix decides."""

    message = "Your role does not allow this."

    def has_permission(self, request, view) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        method = "GET" if request.method == "HEAD" else request.method
        if not hasattr(view, method.lower()):
            raise MethodNotAllowed(method)  # permissions are asked before the method is looked up
        by_method = getattr(view, "actions", {})
        if method == "OPTIONS" and by_method:
            return any(request.user.may(action) for action in by_method.values())
        action = by_method.get(method) or getattr(view, "action_name", None)
        if action is None:
            raise TypeError(f"{type(view).__name__} names no action for {method}")
        self.message = _refusal(request.user, action)
        return request.user.may(action)


def _refusal(caller: Any, action: str) -> str:
    """Who may, and as whom the caller came."""
    roles = ", ".join(LABELS[role] for role in sorted(MATRIX[action])) or "nobody"
    came = f"Your roles: {', '.join(LABELS[role] for role in sorted(caller.roles)) or 'none'}."
    if hasattr(caller, "key"):
        came = f"Your key may: {', '.join(caller.key.actions) or 'nothing'}."
    return f"Expected the right {action} ({roles}). {came} An administrator can change that."


class SignedIn(BasePermission):
    """Anybody who is somebody: a person or a key, whatever they may do."""

    def has_permission(self, request, view) -> bool:
        return bool(request.user and request.user.is_authenticated)
