"""Whether the model card states what its schema requires.

`facts["card"]`: None if there is no card, else ``schema``, ``edition``, ``digest``, ``intact`` (whether the content has
that digest), ``stated``, ``required`` (counts) and ``missing`` (titles).
"""

from __future__ import annotations

from dataclasses import replace

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Check, Direction, Gathered, Limit, Parameter, Principle, Result, Table


class Card(Check):
    id = "card"
    title = "Model card"
    principle = Principle.TRANSPARENCY
    question = "Does the model card say everything that its readers are promised?"
    inputs = ("model card",)
    facts = ("card",)
    limit = Limit("required", Direction.AT_LEAST)
    parameters = (
        Parameter("required", 1.0, "share of the required elements that must be stated", 0.5, 1.0, tightens="up"),
    )

    def conclude(self, gathered: Gathered) -> Result:
        known, required = gathered.facts["card"], gathered.settings["required"]
        if known is None or not known["required"]:
            return Result(Verdict.NOT_ASSESSABLE, ("This version has no model card.",), threshold=required)
        share, missing = known["stated"] / known["required"], known["missing"]
        verdict = Verdict.PASS if share >= required else Verdict.FAIL
        named = f" Not stated: {', '.join(missing)}." if missing else ""
        said = (
            f"Edition {known['edition']} of the card states {known['stated']} of the {known['required']} elements that "
            f"{known['schema']} requires.{named}"
        )
        table = Table("Not stated", ("Element",), tuple((title,) for title in missing))
        found = Result(
            verdict, (said,), share, threshold=required, evidence=known, tables=(table,) if missing else (),
            change="" if verdict is Verdict.PASS else "It passes when the elements named here are written.",
        )  # fmt: skip
        if known["intact"]:
            return found
        broken = "The card's content does not have the digest on record: somebody changed it."
        return replace(found, verdict=Verdict.FAIL, sentences=(broken, *found.sentences), change="Mend the record.")
