"""What may be decided on over the chain: deployments, each under the digest of what was approved for it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from models_registry.models import Deployment


def approved_contents(object_ids: Collection[str], user: Any) -> dict[str, str]:
    """Digests of the approved contents of the deployments that a person may see, by their ids.

    What is no identifier of one, or lies outside the person's reach, is left out.
    """
    keys = {key for name in object_ids if (key := _identifier(name)) is not None}
    found = Deployment.objects.for_user(user).filter(id__in=keys).values_list("id", "approval__content_digest")
    return {str(key): digest for key, digest in found}


def _identifier(name: str) -> uuid.UUID | None:
    """The identifier in the one form in which it is kept: another spelling would pass for another object."""
    try:
        key = uuid.UUID(name)
    except ValueError:
        return None
    return key if str(key) == name else None
