"""What stands between a first proof of who somebody is and the session."""

from __future__ import annotations

from typing import Any

from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts import factors


class FactorStage(AuthenticateStage):
    """The second factor; not asked of somebody whose provider has asked for one already, where that counts."""

    def handle(self) -> tuple[Any, bool]:
        response, go_on = super().handle()
        if response is not None:
            self.state["password"] = self.login.user.get_session_auth_hash()
        return response, go_on

    @property
    def stands(self) -> bool:
        """Whether the password is still the one that was given."""
        return constant_time_compare(self.state.get("password", ""), self.login.user.get_session_auth_hash())

    def is_resumable(self, request: HttpRequest) -> bool:
        """Who goes back to the sign-in begins anew: as somebody else, perhaps."""
        return False

    def _should_handle(self, request: HttpRequest) -> bool:
        return super()._should_handle(request) and not factors.vouched_for(request, self.login.user)
