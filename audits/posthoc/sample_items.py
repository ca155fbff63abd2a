"""What the platform has on record about the items of a sample: what an auditor looks at first, and no judgement."""

from __future__ import annotations

from collections.abc import Sequence

from audits.posthoc import mapping
from audits.posthoc.assembly.window import newest_entries
from audits.posthoc.models import AuditSample, SampleItem
from models_registry.models import ApprovalDecision
from provenance.sequencing import pseudonym_of

Terms = list[tuple[str, str]]


def told_of(sample: AuditSample, items: Sequence[SampleItem]) -> dict[str, Terms]:
    """Terms and values of each item, by its reference; empty for one that is no longer there."""
    told = _controls if sample.kind == AuditSample.Kind.CONTROLS else _decisions
    return told([item.ref for item in items])


def _controls(refs: Sequence[str]) -> dict[str, Terms]:
    wanted = {ref.partition("/")[0] for ref in refs}
    views = mapping.views_of([one for one in mapping.frameworks()[0] if one.key in wanted])
    return {
        f"{view.framework.key}/{row.control.id}": [
            ("Asks for", row.control.text),
            *((finding.title, finding.sentence) for finding in row.findings),
            *((f"File {file.name}", f"SHA-256 {file.digest}, until {file.valid_until}") for file in row.files),
        ]
        for view in views
        for row in view.controls
    }


def _decisions(refs: Sequence[str]) -> dict[str, Terms]:
    rows = ApprovalDecision.objects.filter(id__in=refs).select_related("request__version__model", "institution", "key")
    entries = newest_entries(refs)
    return {
        str(row.id): [
            ("Decision", f"{row.get_decision_display()} as {row.get_capacity_display().lower()}"),
            ("By", f"{pseudonym_of(row.decided_by_id)}, {row.institution or 'the platform'}"),
            ("On", f"{row.request}, {row.created_at:%Y-%m-%d %H:%M} UTC"),
            ("Content, SHA-256", row.content_digest),
            ("Signed", str(row.key) if row.key else "not with a key of the decider"),
            ("Ledger entry", str(entries.get(str(row.id), "not taken in yet"))),
        ]
        for row in rows
    }
