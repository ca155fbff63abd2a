"""The sections about what others found, and about what an earlier issue of the report said."""

from audits.typesetting import formats as f
from audits.typesetting.blocks import Block, badge, empty, facts, mono, muted, paragraph, stack, subheading, table, text

from . import schema as s

L, R = "left", "right"
MOST_DIFFERENCES = 200  # printed; the attached JSON has more


def external(report: s.Report) -> list[Block]:
    """The samples of the period, each with its strata and its rate."""
    if not report.external:
        nothing = "No external auditor closed a sample in this period, so there is no audit success rate."
        return [empty(nothing)]
    blocks = [
        paragraph(
            "An external auditor draws a random sample by strata. Population, seed and items are in the ledger before "
            "anything is looked at. The rate is the share that conforms, each stratum by its part of the population."
        )
    ]
    for sample in report.external:
        blocks += _sample(sample)
    return blocks


def _sample(sample: s.ExternalSample) -> list[Block]:
    rate = f.MISSING
    if sample.rate is not None:
        rate = f"{f.number(sample.rate)}, {sample.level:.0%} interval {f.interval(sample.low, sample.high)}"
    rows = [
        [text(t.name), *(text(f.count(n)) for n in (t.population, t.drawn, t.assessed, t.conform))]
        for t in sample.strata
    ]
    heads = [("Stratum", 3, L), ("Population", 1.2, R), ("Drawn", 1, R), ("Assessed", 1.1, R), ("Conform", 1.1, R)]
    return [
        subheading(f"{sample.id}: {sample.of}", None, f.instant(sample.closed_at)),
        facts(
            ("Audit success rate", text(rate)),
            ("Nonconformities", text(f"{f.count(sample.major)} major, {f.count(sample.minor)} minor")),
            ("Not assessable", text(f.count(sample.not_assessable))),
            ("Auditor", stack(text(sample.institution), mono(sample.auditor))),
            ("Population, SHA-256", mono(sample.population_sha256)),
            ("Seed", mono(sample.seed_sha256)),
        ),
        table(f"Strata of {sample.id}", heads, rows),
    ]


def reissue(report: s.Report) -> list[Block]:
    """Why the report was issued again, and what it says otherwise; nothing for a first issue."""
    again = report.reissue
    if again is None:
        return []
    blocks = [
        subheading(f"In place of issue {again.issue}"),
        facts(("Why", text(again.reason)), ("SHA-256 of its JSON", mono(again.sha256))),
    ]
    if again.differences is None:
        return [*blocks, empty("The earlier issue's file is lost: what differs cannot be told.")]
    if not again.differences:
        return [*blocks, empty("It says the same of every item.")]
    shown = again.differences[:MOST_DIFFERENCES]
    rows = [
        [stack(text(d.section), muted(d.id or "")), badge(d.what), text(d.field or ""), text(d.before or ""),
         text(d.after or "")]
        for d in shown
    ]  # fmt: skip
    heads = [("Where", 1.8, L), ("What", 1.1, L), ("Field", 1.2, L), ("Before", 2, L), ("Now", 2, L)]
    total = len(again.differences) + again.omitted
    return [*blocks, paragraph(f"{f.count(len(shown))} of {f.count(total)} differences."),
            table("What this issue says otherwise", heads, rows)]  # fmt: skip
