"""Whether each hospital consented to exactly what was run, before it was run.

`facts["consents"]`: ``config_hash`` (what was run), ``links`` (``[what, state, said]``, one a signer: of each site its
operator, its ethics officer and its own worker) and ``sites`` (for each: site, institution, capacity, decision,
config_hash, by (opaque id of the person), at). A withdrawal while training went on lets it pass, if that site was asked
for nothing afterwards; one after training does not.
"""

from __future__ import annotations

from audits.predeployment.checks.base import Check, Direction, Gathered, Limit, Parameter, Principle, Result
from audits.predeployment.checks.links import concluded


class Consents(Check):
    id = "consents"
    title = "Consent of each hospital"
    principle = Principle.ACCOUNTABILITY
    question = "Did each hospital agree to exactly this training before it began?"
    inputs = ("consents",)
    facts = ("consents",)
    limit = Limit("complete", Direction.AT_LEAST)
    parameters = (Parameter("complete", 1.0, "share of the hospitals that must have consented", 1.0, 1.0),)

    def conclude(self, gathered: Gathered) -> Result:
        known = gathered.facts["consents"]
        hospitals = len({row["site"] for row in known["sites"]})
        return concluded(
            known,
            whole=f"All {hospitals} hospitals consented to exactly this configuration before training began.",
            nothing="The configuration names no hospital, so nobody has consented to anything.",
        )
