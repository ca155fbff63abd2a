"""Versions that runs begin from: what a new run is told of one, and which are offered."""

from __future__ import annotations

import uuid

from django.utils.translation import gettext as _

from accounts.models import User
from federation import starting
from models_registry import binding
from models_registry.models import Deployment, Version
from models_registry.origins import VERSIONS, before

MOST_OFFERED = 50


def refusal(version: Version) -> str:
    """Why no run may begin from a version now; empty if one may."""
    if lost := binding.lost_permission(version):
        return lost
    if blocked := binding.blocked_by_board(version):
        return blocked
    ended = version.deployments.exclude(state=Deployment.State.ACTIVE).order_by("-created_at").first()
    if ended is None:
        return ""
    if ended.state == Deployment.State.HALTED:
        return _("Its deployment %(name)s is halted, and not reinstated.") % {"name": ended.name}
    return _("Its deployment %(name)s was revoked.") % {"name": ended.name}


def source_of(version: Version) -> starting.Source:
    """A version as a run that begins from it needs to know it."""
    spent = list(version.metrics.get("epsilon", {}).values())
    earlier = before(version)
    return starting.Source(
        version=str(version.id), name=str(version), run=version.run,
        weights={"primary": version.weights_digest, "baseline": version.baseline_digest},
        epsilon=None if not spent or None in spent else max(spent), refusal=refusal(version),
        before=None if earlier is None else source_of(earlier),
    )  # fmt: skip


class Versions:
    """What `federation.starting` asks of this floor."""

    def find(self, version: uuid.UUID, user: User | None) -> starting.Source | None:
        seen = VERSIONS.all() if user is None else VERSIONS.filter(id__in=Version.objects.for_user(user).values("id"))
        found = seen.filter(id=version).first()
        return None if found is None else source_of(found)

    def offered(self, user: User, task: str) -> list[tuple[str, str, int]]:
        fits = [task, "segmentation"] if task == "classification" else [task]
        rows = (
            Version.objects.filter(id__in=Version.objects.for_user(user).values("id"), config__task__in=fits)
            .order_by("-created_at")
            .values_list("id", "model__name", "number", "config__models__primary__inputs")[:MOST_OFFERED]
        )
        return [(str(found), f"{name} v{number}", inputs) for found, name, number, inputs in rows]
