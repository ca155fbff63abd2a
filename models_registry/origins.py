"""Which versions came before a version: those that its run, and theirs, began from."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from federation.domain.start import start_of
from models_registry.models import Version

VERSIONS = Version.objects.select_related("model__federation", "run__federation")


def before(version: Version) -> Version | None:
    """The version that this one began from; None if it began from initial weights."""
    start = start_of(version.config)
    return None if start is None else VERSIONS.filter(id=start.version).first()


def line_before(version: Version) -> Iterator[Version]:
    """All versions that came before this one, the newest first."""
    found = before(version)
    while found is not None:
        yield found
        found = before(found)


def after(version: Version) -> QuerySet[Version]:
    """The versions that began from this one, the oldest first."""
    return VERSIONS.filter(config__start__version=str(version.id)).order_by("created_at")
