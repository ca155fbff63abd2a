"""Two audits beside each other, check by check: what changed, and whether it can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audits.predeployment.models import AuditRun, CheckResult
from core.spoken import inside
from core.tones import look_of


@dataclass(frozen=True)
class Line:
    """One check in both audits; either may lack it."""

    title: str
    principle: str
    before: CheckResult | None
    after: CheckResult | None

    @property
    def what(self) -> str:
        """What changed, in words. Intervals that overlap show no change, whatever the points do."""
        if self.before is None or self.after is None:
            return _("only in the first") if self.after is None else _("only in the second")
        words = []
        if self.before.verdict != self.after.verdict:
            words.append(
                _("from %(before)s to %(after)s") % {"before": _words(self.before), "after": _words(self.after)}
            )
        if self.before.provenance.get("settings") != self.after.provenance.get("settings"):
            words.append(_("other settings, so the figures are not of one kind"))
        elif apart := _apart(self.before, self.after):
            words.append(apart)
        return "; ".join(words) or _("no change shown")


def _words(row: CheckResult) -> str:
    return inside(look_of(row.verdict).label)


def _apart(before: CheckResult, after: CheckResult) -> str:
    bounds = (before.lower, before.upper, after.lower, after.upper)
    if None in bounds:
        return ""
    if after.lower > before.upper:  # type: ignore[operator]  # None is ruled out above
        return _("higher: the intervals do not overlap")
    if after.upper < before.lower:  # type: ignore[operator]  # None is ruled out above
        return _("lower: the intervals do not overlap")
    return ""


def comparison_of(before: AuditRun, after: AuditRun) -> dict[str, Any]:
    """The context of the comparison page: the older audit first."""
    if before.created_at > after.created_at:
        before, after = after, before
    rows = [{row.check_id: row for row in audit.checks.all()} for audit in (before, after)]
    names = [*rows[0], *(name for name in rows[1] if name not in rows[0])]
    lines = []
    for name in names:
        old, new = rows[0].get(name), rows[1].get(name)
        shown = new or old
        assert shown is not None  # a name comes from one of the two
        lines.append(Line(shown.title, shown.principle, old, new))
    return {
        "before": before, "after": after, "lines": lines,
        "changed": sum(line.what != _("no change shown") for line in lines), "warnings": _warnings(before, after),
    }  # fmt: skip


def _warnings(before: AuditRun, after: AuditRun) -> list[str]:
    """Why the two may not be comparable."""
    found = []
    if before.version_id != after.version_id and before.version.manifests != after.version.manifests:
        found.append(_("The versions were trained on different data, so the audit patients may differ."))
    if before.version.run.config.get("seed") != after.version.run.config.get("seed"):
        found.append(_("The runs split their patients by different seeds, so the audit patients differ."))
    if before.tier != after.tier:
        found.append(_("The tiers differ: a certification audit measures more."))
    return found
