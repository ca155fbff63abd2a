"""Whether the model's weights follow from the data and updates that are on record.

`facts["lineage"]`: ``links`` (``[what, state, said]``: the configuration's hash, each site's manifest, each update's
weights and signature, each average computed again, the version's weights), ``manifests`` and ``weights`` (digests).
"""

from __future__ import annotations

from audits.predeployment.checks.base import Check, Direction, Gathered, Limit, Parameter, Principle, Result
from audits.predeployment.checks.links import concluded


class Lineage(Check):
    id = "lineage"
    title = "Lineage of data and weights"
    principle = Principle.ACCOUNTABILITY
    question = "Do these weights come from the data and the updates that are on record, and from nothing else?"
    inputs = ("data manifests", "updates of the sites", "weights of each round")
    facts = ("lineage",)
    limit = Limit("complete", Direction.AT_LEAST)
    parameters = (Parameter("complete", 1.0, "share of the links that must hold", 1.0, 1.0),)

    def conclude(self, gathered: Gathered) -> Result:
        known = gathered.facts["lineage"]
        return concluded(
            known,
            whole=f"All {len(known['links'])} links hold: the weights were computed again from the sites' signed "
            "updates, and the data are those that the sites consented with.",
            nothing="No record of how this model came about was found.",
        )
