"""How unlike the sites are, from what they have released: patients by group, labels, and how their updates lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from core.charts import Chart, bar_chart
from federation import contributions
from federation.domain.heterogeneity import Unlike, against_the_rest
from federation.models import Federation, InfluenceStudy, Round, TrainingRun
from federation.presentation import participants
from federation.presentation.charts import attribute_words


@dataclass(frozen=True)
class Compared:
    """One attribute over all sites."""

    title: str
    source: str
    rows: tuple[Unlike, ...]
    chart: Chart


@dataclass(frozen=True)
class Influences:
    """The newest study of a run, or why there can be none."""

    run: TrainingRun
    refusal: str
    study: InfluenceStudy | None
    chart: Chart | None
    sites: list[dict[str, Any]]  # those that this person may see
    hidden: int  # sites that were studied, and are for their own institutions

    @property
    def under_way(self) -> bool:
        return self.study is not None and self.study.finished_at is None


def compared(federation: Federation) -> list[Compared]:
    """Shift of labels (from the newest scored round), then of each group that the manifests count."""
    out = []
    labels, source = label_counts(federation)
    if len(labels) > 1:
        out.append(_compared(_("Labels of the held-out patients"), source, labels))
    counts: dict[str, dict[str, Mapping[str, int]]] = {}
    for held in participants.held_by(federation):
        for group in held.groups:
            counts.setdefault(group.attribute, {})[held.participant.site] = dict(group.counts)
    for attribute, by_site in sorted(counts.items()):
        if len(by_site) > 1:
            out.append(
                _compared(
                    _("Patients by %(attribute)s") % {"attribute": _(attribute_words(attribute))},
                    _("data manifests"),
                    by_site,
                )
            )
    return out


def label_counts(federation: Federation) -> tuple[dict[str, dict[str, int]], str]:
    """Positive and negative held-out patients by site, as the true- and false-positive rates were counted over them."""
    rounds = Round.objects.filter(run__federation=federation, state=Round.State.DONE).select_related("run")
    newest = rounds.order_by("-finished_at").first()
    if newest is None:
        return {}, ""
    out = {}
    for site, figures in newest.metrics.get("primary", {}).get("site", {}).items():
        positive, negative = figures.get("tpr", {}).get("n"), figures.get("fpr", {}).get("n")
        if positive is not None and negative is not None:
            out[site] = {"positive": positive, "negative": negative}
    return out, _("scores of round %(n)s of “%(run)s”") % {"n": newest.number, "run": newest.run}


def _compared(title: str, source: str, counts: Mapping[str, Mapping[str, int]]) -> Compared:
    rows = tuple(against_the_rest(counts))
    drawing = bar_chart(
        [(row.site, row.jensen_shannon) for row in rows],
        title=_("%(what)s: each site against the others") % {"what": title},
        x_label="Jensen–Shannon distance", x_range=(0.0, 1.0), size="s", key=title,
    )  # fmt: skip
    return Compared(title, source, rows, drawing)


def influences(run: TrainingRun | None, user: User) -> Influences | None:
    if run is None:
        return None
    study, visible = run.influence_studies.first(), contributions.visible_sites(run, user)
    found = (study.result or {}).get("sites", []) if study else []
    sites = (contributions.shown_to(study.result, visible) or {}).get("sites", []) if study else []
    drawing = None
    if sites:
        drawing = bar_chart(
            [(site["site"], site.get("shift")) for site in sites], title="How far the average moves without the site",
            x_label="Share of a round's movement", size="s", key="influence",
        )  # fmt: skip
    return Influences(run, contributions.refusal(run), study, drawing, sites, len(found) - len(sites))
