"""What training has spent of each patient's privacy, against what the sites consented to. Gates where declared."""

from __future__ import annotations

from audits.domain.verdict import Verdict
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import PRIVACY, Check

TITLE = "Privacy loss (epsilon)"


def check(data: AuditData) -> Check:
    """Epsilon of the site that spent most. It is an upper bound by the accountant, not an estimate."""
    budget = data.policy["privacy"]["budget"]
    evidence = {"by_site": dict(data.epsilon), "budget": budget, "delta": data.delta, "unit": "patient"}
    if not data.policy["privacy"]["declared"]:
        sentence = "No differential privacy: the loss of privacy is not bounded."
        return Check(
            "epsilon", PRIVACY, TITLE, False, Verdict.NOT_ASSESSABLE, None, None, None, None, sentence, evidence
        )
    gating = data.gates("epsilon")
    unknown = sorted(site for site, spent in data.epsilon.items() if spent is None)
    if unknown or not data.epsilon:
        sentence = f"What was spent is not known for {', '.join(unknown) or 'any site'}, so nothing can be promised."
        return Check(
            "epsilon", PRIVACY, TITLE, gating, Verdict.NOT_ASSESSABLE, None, None, None, budget, sentence, evidence
        )
    spent, site = max((value, name) for name, value in data.epsilon.items() if value is not None)
    verdict = Verdict.PASS if spent <= budget else Verdict.FAIL
    outcome = "within" if verdict is Verdict.PASS else "over"
    sentence = (
        f"The most was spent at {site}: epsilon is at most {spent:.2f} at delta = {data.delta:g}, over both models "
        f"together; that is {outcome} the {budget:g} that the sites consented to."
    )
    return Check("epsilon", PRIVACY, TITLE, gating, verdict, spent, None, spent, budget, sentence, evidence)
