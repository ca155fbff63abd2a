"""What a version was trained on, as its sites' manifests declare it: the shape of an input, and the groups."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _

from core.errors import Conflict
from federation.domain.data.dataset import UNKNOWN
from federation.models import DataManifest, Participant
from models_registry.models import Deployment, Version


@dataclass(frozen=True)
class Declared:
    """The contract of a deployment's inputs.

    Attributes
    ----------
    task : "classification" or "segmentation"
    shapes : tuple of tuple of int
        What one row may look like: (features,) or (channels, height, width). More than one if sites differ.
    feature_names : tuple of str
        Columns or channels, for messages; may be empty.
    groups : mapping of attribute to its groups
        As counted by the sites, without "unknown", in alphabetical order.
    """

    task: str
    shapes: tuple[tuple[int, ...], ...]
    feature_names: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def imaged(self) -> bool:
        """Whether a record is an image, not a row of a table: a classification can be of either."""
        return len(self.shapes[0]) == 3


def declared_by(version: Version) -> Declared:
    return _declared(version.id)


@lru_cache(maxsize=64)
def _declared(version_id: uuid.UUID) -> Declared:
    """A version and its manifests never change, so this is read once a process."""
    version = Version.objects.select_related("model").get(id=version_id)
    manifests = [
        manifest.content
        for manifest in DataManifest.objects.filter(
            participant__federation_id=version.model.federation_id, digest__in=list(version.manifests.values())
        ).order_by("participant__site")
    ]
    if not manifests:
        raise Conflict(
            _(
                "%(version)s names no data manifest that this platform holds, so its inputs and groups are not "
                "known. Restore the manifests of its run."
            )
            % {"version": version}
        )
    groups: dict[str, set[str]] = {}
    for content in manifests:
        for attribute, counts in content["groups"].items():
            groups.setdefault(attribute, set()).update(name for name, n in counts.items() if n and name != UNKNOWN)
    return Declared(
        task=version.config["task"],
        shapes=tuple(sorted({tuple(content["shape"]) for content in manifests})),
        feature_names=tuple(manifests[0].get("feature_names", ())),
        groups={attribute: tuple(sorted(names)) for attribute, names in sorted(groups.items())},
    )


def participant_of(caller, deployment: Deployment) -> Participant | None:
    """The site, with its institution, for which the caller speaks in the deployment's federation, if for any."""
    return (
        Participant.objects.filter(
            federation_id=deployment.version.model.federation_id,
            institution__in=caller.institution_ids,
            is_active=True,
        )
        .select_related("institution")
        .order_by("site")
        .first()
    )


def site_of(caller, deployment: Deployment) -> str | None:
    """The code of that site."""
    participant = participant_of(caller, deployment)
    return participant.site if participant else None
