"""The report laid out as numbered sections of blocks, ready for the template."""

from collections.abc import Callable, Mapping
from typing import Any

from audits.typesetting import formats as f
from audits.typesetting.blocks import (
    Block,
    badge,
    code,
    empty,
    facts,
    link,
    mono,
    muted,
    names,
    paragraph,
    refs,
    stack,
    strong,
    subheading,
    table,
    table_or_empty,
    text,
)

from . import assurance, sections
from . import schema as s

L, R = "left", "right"
MOST_TRACES = 200  # printed; the attached JSON has all


# Section name and heading, in the order printed; the number is the place in this list.
HEADINGS: tuple[tuple[str, str], ...] = (
    ("summary", "Executive summary"),
    ("scope", "Scope and institutions"),
    ("models", "Models under governance"),
    ("training", "Training runs"),
    ("audits", "Audits"),
    ("approvals", "Approvals"),
    ("deployments", "Deployments"),
    ("incidents", "Halts and incidents"),
    ("appeals", "Appeals"),
    ("changes", "Changes since the last period"),
    ("trail", "Audit-trail verification"),
    ("external", "External auditors' findings"),
    ("controls", "Control mapping"),
    ("annex", "Evidence annex"),
    ("signoff", "Sign-off"),
)
NUMBERS = {name: i for i, (name, _) in enumerate(HEADINGS, start=1)}


def lay_out(report: s.Report, *, digest: str, charts: Mapping[str, list[Block]], base: str = "") -> dict[str, Any]:
    """The document as plain JSON.

    Parameters
    ----------
    digest : str
        SHA-256 of the attached JSON, shown on the cover and in every footer.
    charts : mapping from section name to its charts
        Charts stand at the end of their section.
    base : str
        Address of the platform, under which the ledger's pages are linked; empty where it is not known.
    """
    writers = {**WRITERS, "annex": lambda report: _annex(report, base)}
    parts = [
        {"name": name, "heading": heading, "blocks": [*writers[name](report), *charts.get(name, [])]}
        for name, heading in HEADINGS
    ]
    return {"cover": _cover(report, digest), "sections": parts}


def _cover(report: s.Report, digest: str) -> dict[str, Any]:
    period = f.days(report.period.start, report.period.end)
    title = _TITLES[report.kind]
    return {
        "title": title,
        "subtitle": period + (f" · issue {report.issue}" if report.issue > 1 else ""),
        "document_title": f"{title} {report.report_id}",
        "description": f"Period {period}",
        "running": report.report_id + (" · synthetic data" if report.synthetic else ""),
        "notice": _SYNTHETIC if report.synthetic else None,
        "blocks": [
            names(
                "Edition of" if report.edition_of else "Institutions",
                [institution.name for institution in report.institutions],
            ),
            facts(
                ("Report", mono(report.report_id)),
                ("Generated", text(f.instant(report.generated_at))),
                ("JSON SHA-256", mono(digest)),
            ),
        ],
        "date": f.parts(report.generated_at),
        "digest": digest,
        "depth": 1,
    }


_TITLES = {"biannual": "Biannual audit report", "monthly": "Monthly audit report", "custom": "Audit report"}
_SYNTHETIC = {
    "title": "Synthetic data",
    "text": "No figure in this report comes from a real patient. It shows how a report looks, not how a model behaves.",
}


def _summary(report: s.Report) -> list[Block]:
    summary = report.summary
    tiles = [
        {"label": figure.label, "value": figure.value, "note": figure.note, "target": figure.evidence}
        for figure in summary.figures
    ]
    blocks: list[Block] = [
        {"kind": "tiles", "items": tiles},
        paragraph("Each sentence below follows by a fixed rule from the figures in the section it points to."),
        subheading("Key findings"),
    ]
    blocks.append(_sentences(summary.findings, "No rule found anything to report."))
    blocks.append(subheading("Recommendations"))
    blocks.append(_sentences(summary.recommendations, "No recommendation follows from the findings."))
    return blocks


def _sentences(sentences: list[s.Sentence], nothing: str) -> Block:
    if not sentences:
        return empty(nothing)
    items = [
        {"badge": badge(sentence.severity), "text": sentence.text, "refs": refs(sentence.evidence, NUMBERS)}
        for sentence in sentences
    ]
    return {"kind": "sentences", "items": items}


def _scope(report: s.Report) -> list[Block]:
    rows = [[strong(institution.name), mono(institution.id)] for institution in report.institutions]
    blocks = [paragraph(report.scope), table("Institutions", [("Institution", 3, L), ("Identifier", 1.4, L)], rows)]
    if report.synthetic:
        blocks.insert(0, paragraph("All data in this report is synthetic: no figure comes from a real patient."))
    return blocks


def _trail(report: s.Report) -> list[Block]:
    trail = report.audit_trail
    anchor = trail.anchor
    rows = [
        ("Verdict", stack(badge(trail.verdict), *([text(trail.reason)] if trail.reason else []))),
        ("Verified at", text(f.instant(trail.verified_at))),
        ("Entries", text(f.count(trail.entries))),
        ("Merkle root", mono(trail.root_sha256)),
        ("Completeness", text(_completeness(trail.completeness))),
        ("Witnesses", text(", ".join(trail.witnesses) or "no cosignature")),
    ]
    if anchor is None:
        rows.append(("Anchored", text("not anchored on a chain in this period")))
    else:
        rows += [
            ("Anchored size", text(f"{f.count(anchor.size)} of {f.count(trail.entries)} entries")),
            ("Transaction", mono(anchor.transaction_hash)),
            ("Chain", text(f"chain id {anchor.chain_id}, operated by {anchor.operated_by}")),
        ]
    blocks = [facts(*rows), subheading("Signed checkpoint"), code(_shortened(trail.checkpoint))]
    blocks.append(
        paragraph(
            "Anyone holding this checkpoint can check it without trusting the operator. A chain run by the operator "
            "adds no independent trust; checkpoints cosigned by the institutions do."
        )
    )
    return blocks


def _shortened(note: str) -> str:
    """A signed note with its long lines cut: a post-quantum signature alone would fill a page."""
    lines = note.rstrip("\n").split("\n")
    return "\n".join(
        line if len(line) <= 96 else f"{line[:60]}… ({f.count(len(line))} characters, complete in the attached JSON)"
        for line in lines
    )


def _completeness(completeness: s.Completeness | None) -> str:
    if completeness is None:
        return f.MISSING
    found, expected = completeness.found, completeness.expected
    if not expected:
        return "no governed row versions to find"
    # Rounded down, so that a share below one never prints as 100 %.
    share = f"{found * 10_000 // expected / 100:.2f} %"
    return f"replay finds {f.count(found)} of {f.count(expected)} governed row versions ({share})"


def _controls(report: s.Report) -> list[Block]:
    rows = [
        [
            stack(text(control.framework), strong(control.clause)),
            text(control.requirement),
            badge(control.status),
            refs(control.evidence, NUMBERS),
        ]
        for control in report.controls
    ]
    columns = [("Framework and clause", 2.3, L), ("Requirement", 2.9, L), ("Status", 2, L), ("Where", 1.9, L)]
    intro = (
        "A row says that this report holds evidence for a control, not that the control is met. ISO 31700-1 prescribes "
        "no method: the platform is aligned to it, and the biannual cadence is its own policy."
    )
    return [paragraph(intro), table("Controls and their evidence", columns, rows)]


def _annex(report: s.Report, base: str) -> list[Block]:
    rows = [
        [
            stack(strong(item.id), muted(item.media_type), muted(f"{f.count(item.size_bytes)} bytes")),
            stack(text(item.title), mono(item.sha256)),
        ]
        for item in report.evidence
    ]
    intro = "The complete report as JSON is attached to this file; its SHA-256 stands at the foot of every page."
    columns = [("Evidence", 1.4, L), ("Title and SHA-256", 4.6, L)]
    blocks = [paragraph(intro), table_or_empty("No further evidence in this period.", "Evidence", columns, rows)]
    if report.traces:
        shown = report.traces[:MOST_TRACES]
        pages = {t.object: f"{base}/ledger/objects/{t.object}/" if base else "" for t in shown}
        traced = [[text(t.section), mono(t.id), link(t.object, pages[t.object]), text(f.count(t.entry))] for t in shown]
        heads = [("Section", 1.2, L), ("Item", 1.6, L), ("Row in the ledger", 3.2, L), ("Entry", 0.9, R)]
        blocks += [
            subheading("Where each item stands in the ledger"),
            paragraph(f"{f.count(len(shown))} of {f.count(len(report.traces))}; the attached JSON has all."),
            table("Items and their ledger entries", heads, traced),
        ]
    return blocks


def _signoff(report: s.Report) -> list[Block]:
    if not report.sign_off:
        return [empty("No signature is asked for.")]
    lines = [
        {
            "role": line.role,
            "institution": line.institution,
            "signed": line.signed_by is not None,
            "by": line.signed_by or "",
            "at": f.instant(line.signed_at) if line.signed_at else "",
            "digest": f.short_digest(line.signature_sha256) if line.signature_sha256 else "",
        }
        for line in report.sign_off
    ]
    return [paragraph("The undersigned have read this report and its annexes."), {"kind": "signoff", "lines": lines}]


WRITERS: dict[str, Callable[[s.Report], list[Block]]] = {
    "summary": _summary,
    "scope": _scope,
    "models": sections.models,
    "training": sections.training,
    "audits": sections.audits,
    "approvals": sections.approvals,
    "deployments": sections.deployments,
    "incidents": sections.incidents,
    "appeals": sections.appeals,
    "changes": lambda report: [*assurance.reissue(report), *sections.changes(report)],
    "trail": _trail,
    "external": assurance.external,
    "controls": _controls,
    "signoff": _signoff,
}
