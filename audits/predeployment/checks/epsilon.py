"""What training has spent of each patient's privacy, against what the sites consented to. Decides where declared.

`facts["epsilon"]`: by_site (site to epsilon, or None where nothing bounds it or an update is missing), delta, budget
(what the sites consented to; None without differential privacy) and declared (whether it was promised at all).
"""

from __future__ import annotations

from collections.abc import Mapping

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Check, Direction, Figure, Gathered, Limit, Principle, Result, Table


class Epsilon(Check):
    id = "epsilon"
    title = "Privacy loss (epsilon)"
    principle = Principle.PRIVACY
    question = "How much could an attacker learn about one patient from the trained model, at the very most?"
    inputs = ("the accountant's record of each round",)
    facts = ("epsilon",)
    limit = Limit("budget", Direction.AT_MOST)
    libraries = ("dp-accounting",)

    def conclude(self, gathered: Gathered) -> Result:
        """Epsilon of the site that spent most: an upper bound by the accountant, not an estimate."""
        known = gathered.facts["epsilon"]
        by_site, budget, delta = known["by_site"], known["budget"], known["delta"]
        evidence = {"by_site": dict(by_site), "budget": budget, "delta": delta, "unit": "patient"}
        if not known["declared"]:
            said = "No differential privacy: the loss of privacy is not bounded."
            change = "It can be bounded only by a training run that declares differential privacy."
            return Result(Verdict.NOT_ASSESSABLE, (said,), change=change, evidence=evidence)
        unknown = sorted(site for site, spent in by_site.items() if spent is None)
        if unknown or not by_site:
            who = ", ".join(unknown) or "any site"
            said = f"What was spent is not known for {who}, so nothing can be promised."
            return Result(Verdict.NOT_ASSESSABLE, (said,), threshold=budget, evidence=evidence)
        spent, site = max((value, name) for name, value in by_site.items())
        verdict = Verdict.PASS if spent <= budget else Verdict.FAIL
        outcome = "within" if verdict is Verdict.PASS else "over"
        said = (
            f"The most was spent at {site}: epsilon is at most {spent:.2f} at delta = {delta:g}, over both models "
            f"together; that is {outcome} the {budget:g} that the sites consented to."
        )
        return Result(
            verdict, (said,), spent, None, spent, budget, change=_change(verdict, budget), tables=(_table(by_site),),
            figures=(_bars(by_site, budget),), evidence=evidence,
        )  # fmt: skip


def _change(verdict: Verdict, budget: float) -> str:
    if verdict is Verdict.PASS:
        return f"It would no longer pass if more rounds were trained than a budget of {budget:g} pays for."
    return "What is spent cannot be taken back: train a new version with more noise or fewer rounds."


def _table(by_site: Mapping[str, float]) -> Table:
    return Table("Epsilon by site", ("Site", "At most"), tuple(sorted(by_site.items())), "Both models together.")


def _bars(by_site: Mapping[str, float], budget: float) -> Figure:
    rows = tuple((site, value, "info" if value <= budget else "fail") for site, value in sorted(by_site.items()))
    options = {"x_label": "Epsilon (upper bound)", "threshold": budget, "threshold_label": "consented"}
    return Figure("bars", "Epsilon spent at each site", rows, options)
