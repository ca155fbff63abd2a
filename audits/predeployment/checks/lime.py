"""How far the model's LIME explanations can be relied on. Reported, never gating."""

from __future__ import annotations

from audits.domain.explain.score import combine
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import TRANSPARENCY, Check


def check(data: AuditData) -> Check:
    """The explanation score (RCF) over all sites, beside its negative control."""
    policy = data.policy["lime"]
    sites = [site.explanation for site in data.sites if site.explanation is not None]
    limits = {name: policy[name] for name in ("required", "margin", "lesion_required")}
    found = combine(sites, **limits)
    rcf = found.rcf
    return Check(
        "lime", TRANSPARENCY, "Explanations by LIME", False, found.verdict, rcf.mean if rcf else None,
        rcf.lower if rcf else None, rcf.upper if rcf else None, found.required, " ".join(found.sentences),
        {**found.as_dict(), "settings": dict(sites[0].settings) if sites else {},
         "records": {site.site: len(site.scores) for site in sites}},
    )  # fmt: skip
