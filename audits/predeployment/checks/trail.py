"""Whether everything that made this model stands in the ledger, as it is, under a signed checkpoint.

`facts["ledger"]`: ``links`` (``[what, state, said]``, one for each row of the run, its rounds, updates, consents,
manifests, version and card), ``entries`` (length of the log) and ``signed`` (entries under the newest checkpoint).
"""

from __future__ import annotations

from audits.predeployment.checks.base import Check, Direction, Gathered, Limit, Parameter, Principle, Result
from audits.predeployment.checks.links import concluded


class Trail(Check):
    id = "trail"
    title = "Trail in the ledger"
    principle = Principle.ACCOUNTABILITY
    question = "Can each step that led to this model be proved to somebody who does not trust this platform?"
    inputs = ("the ledger",)
    facts = ("ledger",)
    limit = Limit("complete", Direction.AT_LEAST)
    parameters = (Parameter("complete", 1.0, "share of the records that must be proved", 1.0, 1.0),)

    def conclude(self, gathered: Gathered) -> Result:
        known = gathered.facts["ledger"]
        n = len(known["links"])
        return concluded(
            known,
            whole=f"All {n} records of this model stand in the ledger as they are, and are proved under a checkpoint "
            f"of {known['signed']} entries.",
            nothing="No record of this model was found.",
        )
