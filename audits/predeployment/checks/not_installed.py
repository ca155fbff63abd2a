"""What stands in for a check that an audit's policy names and that is not installed here any more."""

from __future__ import annotations

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Check, Gathered, Principle, Result
from audits.predeployment.checks.registry import UnknownCheck, check_of


class NotInstalled(Check):
    """It asks no site and cannot pass. Its principle is not known any more, so it stands under accountability."""

    principle = Principle.ACCOUNTABILITY
    question = "Is every check that the policy names still there?"

    def conclude(self, gathered: Gathered) -> Result:
        reason = f"The check {self.id} is not installed here any more, so nothing can be concluded from it."
        change = "Install it again, or approve a policy without it; then audit again."
        return Result(Verdict.INCONCLUSIVE, (reason,), change=change, evidence={"error": reason})


def check_or_stand_in(check_id: str) -> Check:
    """The check of that id; if it was uninstalled since the audit began, one that says so."""
    try:
        return check_of(check_id)
    except UnknownCheck:
        return type("NotInstalled", (NotInstalled,), {"id": check_id, "title": check_id.replace("_", " ")})()
