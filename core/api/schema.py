"""What the description of the API takes from a view: who may, and which statuses it answers with besides the usual."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

from core.roles import LABELS, MATRIX

READS = {"GET", "HEAD"}


class Described(AutoSchema):
    """A view may name `may_answer`: statuses that its operations have and others of their kind have not."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            right = self._right()
            operation |= {"x-right": right} if right else {}
            operation["x-may-answer"] = sorted(self._may_answer())
        return operation

    def get_description(self) -> str:  # type: ignore[override]
        words = (super().get_description() or "").strip()
        right = self._right()
        if not right:
            return words
        roles = ", ".join(LABELS[role] for role in sorted(MATRIX[right]))
        return f"{words}\n\nNeeds the right `{right}`: {roles}."

    def get_operation_id(self) -> str:
        """An action is named by its verb (`runs_start`); `_create` is left to what a list can be added to."""
        name = super().get_operation_id()
        return name if hasattr(self.view, "get") else name.removesuffix("_create")

    def _right(self) -> str:
        return getattr(self.view, "actions", {}).get(self.method) or getattr(self.view, "action_name", None) or ""

    def _may_answer(self) -> set[int]:
        named = getattr(self.view, "may_answer", {})
        return set(named.get(self.method, ()) if isinstance(named, dict) else named)
