"""The sections that show the period's records, one function each."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from audits.typesetting import formats as f
from audits.typesetting.blocks import (
    Block,
    Cell,
    badge,
    facts,
    mono,
    muted,
    paragraph,
    stack,
    strong,
    subheading,
    table,
    table_or_empty,
    text,
)

from . import schema as s
from .validation import verdict_of

L, R = "left", "right"
MOST_ROWS = 300  # of a table in print; the attached JSON and the spreadsheets have all
MOST_AUDITS = 60  # in print, as each fills a page
Item = TypeVar("Item")


def newest(items: Sequence[Item], most: int = MOST_ROWS) -> tuple[list[Block], list[Item]]:
    """The last items of a list in the order of time, and, where it was cut, the sentence that says so."""
    if len(items) <= most:
        return [], list(items)
    told = f"The newest {f.count(most)} of {f.count(len(items))} are shown. The JSON and the spreadsheets have all."
    return [paragraph(told)], list(items[-most:])


def models(report: s.Report) -> list[Block]:
    cut, shown = newest(report.models)
    rows = [
        [
            stack(strong(f"{m.name} {m.version}"), mono(m.id)),
            text(m.intended_use),
            badge(m.state),
            stack(mono(f.short_digest(m.weights_sha256)), _card(m)),
        ]
        for m in shown
    ]
    columns = [("Model and version", 2.2, L), ("Intended use", 3.2, L), ("State", 1.4, L), ("Weights, card", 2.3, L)]
    nothing = "No models were under governance in this period."
    return [*cut, table_or_empty(nothing, "Models under governance", columns, rows)]


def _card(model: s.Model) -> Cell:
    if model.card_sha256 is None:
        return muted("no model card")
    if model.card_completeness is None:
        return muted("card completeness not assessed")
    return muted(f"card {model.card_completeness:.0%} complete")


def training(report: s.Report) -> list[Block]:
    cut, shown = newest(report.training_runs)
    rows = [
        [
            stack(strong(run.id), text(run.model), muted(run.strategy)),
            stack(
                text(run.state), muted(f"from {f.instant(run.started_at)}"), muted(f"to {f.instant(run.finished_at)}")
            ),
            text(f"{f.count(run.rounds_completed)} of {f.count(run.rounds_planned)}"),
            stack(strong(f.plural(len(run.sites), "site")), text(", ".join(run.sites))),
            _privacy(run.privacy),
        ]
        for run in shown
    ]
    columns = [("Run", 2, L), ("State", 2.4, L), ("Rounds", 1, R), ("Sites", 2, L), ("Privacy", 1.9, L)]
    return [*cut, table_or_empty("No training runs in this period.", "Training runs", columns, rows)]


def _privacy(privacy: s.Privacy | None) -> Cell:
    if privacy is None:
        return text("no differential privacy")
    budget = f"ε = {privacy.epsilon:g}, δ = {privacy.delta:g}"
    return stack(strong(budget), muted(privacy.mechanism))


def audits(report: s.Report) -> list[Block]:
    if not report.audits:
        return [table_or_empty("No audits in this period.", "", [], [])]
    blocks = [
        paragraph(
            "A verdict comes from confidence bounds, never from a point estimate: FAIL when the lower bound of the "
            "bias score exceeds the limit, PASS when the upper bound does not, INCONCLUSIVE otherwise."
        )
    ]
    cut, shown = newest(report.audits, MOST_AUDITS)
    blocks += cut
    for audit in shown:
        verdict = audit.bias.verdict if audit.bias else "not assessed"
        blocks.append(
            subheading(f"{audit.id}: {audit.model}", verdict, f"{audit.phase}, {f.instant(audit.completed_at)}")
        )
        columns = [("Check", 2.5, L), ("Result", 1.4, R), ("Interval and conditions", 4, L), ("Verdict", 1.7, L)]
        blocks.append(table(f"Results of {audit.id}", columns, _results(audit)))
        if audit.checks:
            heads = [("Principle, check", 2.4, L), ("Figure", 2, L), ("What it says", 4, L), ("Verdict", 1.6, L)]
            blocks.append(table(f"All checks of {audit.id}, by principle", heads, _outcomes(audit)))
    return blocks


def _results(audit: s.Audit) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    if (bias := audit.bias) is not None:
        condition = (
            f"{bias.level:.0%}: {f.interval(bias.low, bias.high)}; limit {bias.threshold:g}; n = {f.count(bias.n)}"
        )
        rows.append([strong("Bias score"), strong(f.number(bias.score)), text(condition), badge(verdict_of(bias))])
    if (gap := audit.worst_gap) is not None:
        low, high = (f"{gap.group_low} {f.number(gap.rate_low)}", f"{gap.group_high} {f.number(gap.rate_high)}")
        width = f.number(gap.rate_high - gap.rate_low)
        rows.append([text(f"Widest gap: {gap.metric}"), text(width), stack(text(low), text(high)), muted("reported")])
    if (test := audit.discrepancy) is not None:
        rows += _kernels(test)
    if (lime := audit.explanation) is not None:
        condition = f"{f.interval(lime.low, lime.high)}; target {lime.target:g}; n = {f.count(lime.n)}"
        rows.append([text("LIME interpretability"), text(f.number(lime.score)), text(condition), muted("reported")])
    for metric in audit.group_metrics:
        condition = f"{metric.attribute}; {f.interval(metric.low, metric.high)}; fair at {metric.ideal:g}"
        name = stack(text(metric.name[:1].upper() + metric.name[1:]), muted("AIF360"))
        rows.append([name, text(f.number(metric.value)), text(condition), muted("reported")])
    for attack in audit.attacks:
        condition = f"{attack.statistic}; {f.interval(attack.low, attack.high)}; limit: {attack.limit}"
        name = stack(text(attack.name), muted("attack test"))
        rows.append([name, text(f.number(attack.value)), text(condition), badge(attack.verdict)])
    for gone in audit.not_assessed:
        rows.append([text(gone.check), muted("none"), text(gone.reason), badge("not assessed")])
    return rows


def _outcomes(audit: s.Audit) -> list[list[Cell]]:
    rows = []
    for check in audit.checks:
        figure = stack(text(f.number(check.value)), muted(f.interval(check.low, check.high)))
        if check.limit is not None:
            figure = stack(figure, muted(f"limit {check.limit:g}"))
        name = stack(muted(check.principle), strong(check.name), muted(check.weight))
        rows.append([name, figure, text(check.said), badge(check.verdict)])
    return rows


def _kernels(test: s.Discrepancy) -> list[list[Cell]]:
    shots = "exact" if test.shots is None else f"{f.count(test.shots)} shots"
    parts = [test.backend, shots, f"seed {test.seed}"]
    parts += [f"depth {test.depth}"] if test.depth is not None else []
    parts += [f"noise: {test.noise_model}"] if test.noise_model else []
    both = f"{f.count(test.permutations)} permutations; n = {f.count(test.n)}"
    quantum = stack(text("; ".join(parts)), muted(both))
    return [
        [text("MMD, quantum kernel"), text(f.p_value(test.p_quantum)), quantum, muted("reported")],
        [text("MMD, RBF kernel"), text(f.p_value(test.p_rbf)), text("classical, same samples"), muted("reported")],
    ]


def approvals(report: s.Report) -> list[Block]:
    cut, shown = newest(report.approvals)
    rows = [
        [
            text(f.instant(a.decided_at)),
            text(a.subject),
            stack(text(f"{a.role}, {a.institution}"), mono(a.actor)),
            badge(a.decision),
            stack(mono(f.short_digest(a.content_sha256)), muted(f"chain: {a.anchored_as}")),
        ]
        for a in shown
    ]
    columns = [("Time", 1.5, L), ("Subject", 1.9, L), ("Decided by", 2.5, L), ("Decision", 1.4, L), ("Content", 2.3, L)]
    intro = paragraph(
        "Deciders appear by role, institution and pseudonym. An approval binds the content with this digest."
    )
    shown_table = table_or_empty("No approvals in this period.", "Decisions", columns, rows)
    return [intro, *_tally(report.approvals), *cut, shown_table]


def _tally(decisions: Sequence[s.Approval]) -> list[Block]:
    """How many decisions of each kind, by the role in which they were taken."""
    counted = Counter((a.role, a.decision) for a in decisions)
    rows = [[text(role), badge(decision), text(f.count(n))] for (role, decision), n in sorted(counted.items())]
    heads: list[tuple[str, float, str]] = [("Role", 3, L), ("Decision", 2, L), ("How many", 1, R)]
    return [table("Decisions by role and outcome", heads, rows)] if rows else []


def deployments(report: s.Report) -> list[Block]:
    cut, shown = newest(report.deployments)
    rows = [
        [
            stack(strong(d.id), text(d.model)),
            text(d.institution),
            badge(d.kind),
            stack(text(d.state), muted(f"since {f.instant(d.since)}")),
            text(f.count(d.predictions)),
            text(f.count(d.outcomes)),
        ]
        for d in shown
    ]
    columns = [
        ("Deployment", 2.2, L), ("Institution", 1.8, L), ("Kind", 1.1, L), ("State", 2, L),
        ("Predictions", 1.4, R), ("Outcomes", 1.2, R),
    ]  # fmt: skip
    return [*cut, table_or_empty("No deployments in this period.", "Deployments", columns, rows)]


def incidents(report: s.Report) -> list[Block]:
    if not report.incidents:
        return [table_or_empty("No halts in this period, and no other incidents.", "", [], [])]
    blocks, shown = newest(report.incidents, MOST_ROWS)
    for incident in shown:
        blocks.append(subheading(incident.id, incident.kind, f.instant(incident.at)))
        blocks.append(paragraph(incident.description))
        blocks.append(facts(*_incident_rows(incident)))
    return blocks


def _incident_rows(incident: s.Incident) -> list[tuple[str, Cell]]:
    """What is known of an incident; a figure no detector gave has no row."""
    rows = [("Deployment", text(incident.deployment or "not about one deployment"))]
    if incident.metric is not None:
        rows.append(("Metric", text(incident.metric)))
    if incident.groups:
        rows.append(("Groups", text(" and ".join(incident.groups))))
    if incident.gap is not None:
        rows.append(("Gap", text(f.number(incident.gap))))
    if incident.wealth is not None and incident.threshold is not None:
        evidence = f"{f.wealth(incident.wealth)} against a threshold of {f.wealth(incident.threshold)}"
        rows.append(("Wealth", text(evidence)))
    if incident.kind != "incident":
        rows.append(("Reinstated", _reinstated(incident.reinstatement)))
    return rows


def _reinstated(back: s.Reinstatement | None) -> Cell:
    if back is None:
        return badge("still standing")
    return stack(text(f.instant(back.at)), text(f"by {' and '.join(back.by)}"), muted(back.reason))


def appeals(report: s.Report) -> list[Block]:
    a = report.appeals
    if a is None:
        return [table_or_empty("Appeals are not recorded on this platform.", "", [], [])]
    if not a.received and not a.carried_over:
        return [table_or_empty("No appeals in this period.", "", [], [])]
    names = ("Open at the start", "Received", "Answer changed", "Answer stands", "Withdrawn", "Open at the end")
    values = (a.carried_over, a.received, a.upheld, a.rejected, a.withdrawn, a.open)
    return [table("Appeals", [(name, 1, R) for name in names], [[text(f.count(value)) for value in values]])]


def changes(report: s.Report) -> list[Block]:
    previous = report.previous_report
    known = (
        f"The previous report is {previous.id}." if previous else "This is the first report: there is no earlier one."
    )
    cut, shown = newest(report.changes)
    rows = [[text(f.instant(c.at)), text(c.subject), text(c.before), text(c.after)] for c in shown]
    columns = [("Time", 1.6, L), ("Subject", 2.4, L), ("Before", 2, L), ("After", 2, L)]
    nothing = "No changes were recorded since the last period."
    blocks = [paragraph(known), *cut, table_or_empty(nothing, "Changes", columns, rows)]
    if previous:
        blocks.insert(1, facts(("Its SHA-256", mono(previous.sha256))))
        counts = [[text(c.label), text(f.count(c.before)), text(f.count(c.now))] for c in report.comparisons]
        heads = [("Figure", 3, L), ("Previous report", 1.5, R), ("This report", 1.5, R)]
        blocks.insert(2, table_or_empty("It has no figure to compare.", "Figures beside the last", heads, counts))
    return blocks
