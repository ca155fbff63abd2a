"""What the page of a run shows of the weights of patients: what was chosen, and each site's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from federation.domain.fairness_config import SOLVERS, TARGETS, FairnessConfig, Figures, read_told
from federation.models import SiteOrder, TrainingRun


@dataclass(frozen=True)
class SiteWeights:
    """The weights of one site in the last round that it trained in: figures, or why there are none."""

    site: str
    solver: str
    figures: Figures | None
    reason: str = ""

    @property
    def how(self) -> str:
        """Of the solver's draws; empty in what sites told before it was kept."""
        found = self.figures
        if found is None or found.backend is None:
            return ""
        if found.shots is None or found.depth is None:
            return found.backend
        return _("%(backend)s, %(shots)s shots, depth %(depth)s") % {
            "backend": found.backend, "shots": f"{found.shots:,}", "depth": found.depth,
        }  # fmt: skip

    @property
    def p_annealing(self) -> str:
        return "" if self.figures is None or self.figures.p_annealing is None else f"{self.figures.p_annealing:g}"


def fairness_words(config: Mapping[str, Any]) -> str:
    """What is weighed and how, in a sentence that a site can consent to."""
    part = FairnessConfig.from_dict(config["fairness"])
    masked = (config.get("security") or {}).get("masking")
    told = (
        _("Nothing of it leaves the site but the masked change of the model.")
        if masked
        else _("Counts and weights stay at the site; it tells how well the solver did, to three digits.")
    )
    return _(
        "Each site weighs its patients by %(attribute)s and label, so that %(target)s. Chosen by %(solver)s, "
        "%(levels)s levels of a weight at most; groups and labels of fewer than %(least)s patients keep the weight 1. "
        "%(told)s"
    ) % {
        "attribute": _(part.attribute.replace("_", " ")), "target": _(TARGETS[part.target]),
        "solver": _(SOLVERS[part.solver]), "levels": 2**part.bits, "least": part.min_cell, "told": told,
    }  # fmt: skip


def weights_page(run: TrainingRun) -> list[SiteWeights]:
    """Each site's figures; none where the run weighs nobody, or under masks, which hide them. One query."""
    if not run.config.get("fairness"):
        return []
    orders = SiteOrder.objects.filter(
        kind="train", subject__in=run.rounds.values("id"), state=SiteOrder.State.ANSWERED, answer__has_key="fairness"
    )
    latest = orders.order_by("participant_id", "-created_at").distinct("participant_id").select_related("participant")
    return sorted((_site(order) for order in latest), key=lambda row: row.site)


def _site(order: SiteOrder) -> SiteWeights:
    site = order.participant.site
    try:
        told = read_told((order.answer or {})["fairness"])
    except (ValueError, TypeError) as error:
        return SiteWeights(site, "", None, _("what it told cannot be read: %(error)s") % {"error": error})
    figures, reason = told
    return SiteWeights(site, SOLVERS[figures.solver] if figures else "", figures, reason)
