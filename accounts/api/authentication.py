from __future__ import annotations

import uuid

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import ApiKey, Institution
from core import context
from core.roles import PEOPLE_ONLY, Role

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
        if action in PEOPLE_ONLY:
            return False
        return action in self.key.actions or IMPLIED_BY.get(action) in self.key.actions

    def __str__(self) -> str:
        return str(self.key)


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key qfl_<prefix>_<secret>``."""

    keyword = "Api-Key"

    def authenticate(self, request):
        header = get_authorization_header(request).decode("latin-1")
        if not self.meant(header):
            return None
        machine = self.machine(header)
        if machine is None:
            raise AuthenticationFailed(
                "The API key is unknown, revoked or expired. Expected `Authorization: Api-Key qfl_…`; "
                "ask an administrator for a new key."
            )
        context.set_actor(machine.pk)
        return machine, machine.key

    @classmethod
    def meant(cls, header: str) -> bool:
        """Whether a header of authorisation is about a key."""
        return header.split(" ", 1)[0].strip().lower() == cls.keyword.lower()

    @classmethod
    def machine(cls, header: str) -> Machine | None:
        """Whoever the header's key stands for; None if there is none, or it is not valid (any more)."""
        presented = cls.presented(header)
        key = ApiKey.find(presented) if presented else None
        return None if key is None else Machine(key)

    @classmethod
    def presented(cls, header: str) -> str | None:
        """The key that a header presents, as it was typed."""
        parts = header.split()
        return parts[1] if len(parts) == 2 and cls.meant(header) else None

    def authenticate_header(self, request) -> str:
        return self.keyword
