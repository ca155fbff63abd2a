"""Reconstruction of patients from what a site sends, certification tier: longer searches from more starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.predeployment.checks.base import Parameter, Runtime
from audits.predeployment.checks.reconstruction import LIMITS, Reconstruction


class CertifiedReconstruction(Reconstruction):
    """Each order repeats the attack from starts of its own and judges its own share of the patients."""

    id = "reconstruction_certified"
    title = "Reconstruction from updates (certification)"
    runtime = Runtime.HOURS
    parameters = (
        *LIMITS,
        Parameter("orders", 8, "orders to each site; each judges its share of the patients", 1, 64),
        Parameter("patients", 500, "rows at a site and order whose own gradient is attacked", 1, 5000),
        Parameter("images", 4, "the same for images", 1, 500),
        Parameter("steps", 1000, "steps of the search by gradients, for rows", 1, 10_000),
        Parameter("image_steps", 1000, "the same for images", 1, 10_000),
        Parameter("restarts", 2, "searches, each from another start", 1, 100),
        Parameter("dummies", 64, "inputs searched together to explain a round; 4 at most for images", 1, 500),
        Parameter("hops", 12, "further searches of an image by the layers nearest the loss; 0: none at all", 0, 1000),
    )
    certifies = True

    def shards(self, settings: Mapping[str, Any]) -> int:
        return int(settings["orders"])
