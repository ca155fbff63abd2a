"""Membership inference, certification tier: many more shadow models, trained in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.predeployment.checks.base import Parameter, Runtime
from audits.predeployment.checks.membership import LIMITS, Membership


class CertifiedMembership(Membership):
    """Each order trains shadows of its own and judges its own share of the patients, so that each counts once.

    Scores of single patients never leave the site, so no order could use the shadows of another.
    """

    id = "membership_certified"
    title = "Membership inference (certification)"
    runtime = Runtime.HOURS
    parameters = (
        *LIMITS,
        Parameter("orders", 8, "orders to each site; each trains shadows for its share of the patients", 1, 64),
        Parameter("shadows", 64, "shadow models of each kind in an order; even", 16, 512),
        Parameter("most_rounds", 200, "most rounds of training that a shadow repeats", 1, 200),
        Parameter("image_rounds", 200, "the same for images", 1, 200),
        Parameter("images", 100_000, "most imaged patients a site for shadows, half of them members", 20, 100_000),
        Parameter("slices", 0, "most slices of an imaged patient in shadow training; 0 for all", 0, 512),
    )
    certifies = True

    def shards(self, settings: Mapping[str, Any]) -> int:
        return int(settings["orders"])
