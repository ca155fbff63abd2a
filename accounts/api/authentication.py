from __future__ import annotations

import uuid

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import ApiKey, Institution
from core import context
from core.roles import Role

# What a key of an earlier day could do under one name, and does under two now.
IMPLIED_BY = {"version.view": "model.view"}


class Machine:
    """The principal behind an API key: one institution, an explicit list of actions, no role."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    sees_all = False
    roles: frozenset[Role] = frozenset()

    def __init__(self, key: ApiKey) -> None:
        self.key, self.pk, self.id = key, key.pk, key.pk

    @property
    def institution(self) -> Institution:
        return self.key.institution

    @property
    def institution_ids(self) -> frozenset[uuid.UUID]:
        return frozenset({self.key.institution_id})

    def may(self, action: str) -> bool:
        return action in self.key.actions or IMPLIED_BY.get(action) in self.key.actions

    def __str__(self) -> str:
        return str(self.key)


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key qfl_<prefix>_<secret>``."""

    keyword = "Api-Key"

    def authenticate(self, request):
        parts = get_authorization_header(request).decode("latin-1").split()
        if not parts or parts[0].lower() != self.keyword.lower():
            return None
        key = ApiKey.find(parts[1]) if len(parts) == 2 else None
        if key is None:
            raise AuthenticationFailed(
                "The API key is unknown, revoked or expired. Expected `Authorization: Api-Key qfl_…`; "
                "ask an administrator for a new key."
            )
        context.set_actor(key.pk)
        return Machine(key), key

    def authenticate_header(self, request) -> str:
        return self.keyword
