"""The audit order, in the hospital's own worker: no Django, no database. Only sums and scores leave the site.

An order names one check and one shard of it; models, settings and seed come with it and were fixed before the audit.
The patients are those that no training round has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audits.predeployment.checks.at_site import AtSite, Bench, Outcomes
from audits.predeployment.checks.registry import UnknownCheck, check_of
from audits.predeployment.checks.running import NOT_MEASURED, SettingError, measure_at, settings_of
from federation.domain.messages import Message
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles, load_models


@dataclass
class _Kept:
    """How the models of the audit in hand did on each patient, so that its checks do not score them again and again."""

    audit: str = ""
    outcomes: Outcomes = field(default_factory=dict)

    def of(self, audit: str) -> Outcomes:
        if audit != self.audit:
            self.audit, self.outcomes = audit, {}
        return self.outcomes


_kept = _Kept()


@handles("audit")
def audit(site: Site, order: Message, tell: Tell) -> Answer:
    """Measure what one check asks for on the site's audit patients."""
    config, body = frozen_config(site, order), order.body
    try:
        check = check_of(body["check"])
        settings = settings_of(check, body["settings"])
    except (UnknownCheck, SettingError) as error:
        raise OrderRefused(f"{error}. Update this site's worker") from error
    splits = site.patients(config)
    if splits.audit.n_patients == 0:  # a very small site: it says so, and the audit lists it
        return {NOT_MEASURED: "no patient is left for the audit"}, {}
    models = {name: model.eval() for name, model in load_models(order, config).items()}
    bench = Bench(splits, models, config, _kept.of(f"{splits.audit.site}:{body['audit']}"))

    def told(doing: str, step: int, steps: int) -> None:
        tell({"model": check.title, "part": doing, "step": step, "steps": steps, "loss": None})

    told("begins", body["shard"], body["shards"])
    at = AtSite(
        check.id, splits.audit.site, bench, settings, body["seed"], body["shard"], body["shards"],
        body["reference_groups"], told,
    )  # fmt: skip
    answer: dict[str, Any] = measure_at(check, at)
    return answer, {}
