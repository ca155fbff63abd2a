"""What several fields of a report must agree on; every fault names its path.

`schema.py` says what one field may hold. Here: a verdict follows from its interval, identifiers are unique, evidence
pointers resolve, counts add up, and the derived parts (control mapping, summary) are exactly what the facts give.
"""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from audits.domain.controls.sampling import Stratum, success_rate

from . import schema as s
from .controls import derive_controls
from .findings import summarise

Part = TypeVar("Part", bound=s.Facts)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a report."""

    path: str  # e.g. "$.audits[0].bias.verdict"
    message: str  # what was expected and what came

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ReportInvalid(ValueError):
    """The dictionary is not a report; `faults` says where and why."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


def validate(raw: Any) -> tuple[Fault, ...]:
    """All faults of a report given as parsed JSON; empty when it is valid.

    A wrong type or range is reported alone (the first met), because the later checks need typed values.
    """
    try:
        parse(raw)
    except ReportInvalid as invalid:
        return invalid.faults
    return ()


def parse(raw: Any) -> s.Report:
    """The typed report.

    Raises
    ------
    ReportInvalid
        If anything is missing, mistyped, out of range or inconsistent, or if the summary or the control mapping is
        not the one that follows from the facts.
    """
    report = to_type(raw, s.Report)
    faults = [*fact_faults(report)]
    # Derived parts are compared only over sound facts; else one cause would be told twice.
    faults = faults or [*_derivation_faults(report)]
    if faults:
        raise ReportInvalid(tuple(faults))
    return report


def parse_facts(raw: Any) -> s.Facts:
    """The typed facts, without what is derived from them; raises `ReportInvalid`."""
    facts = to_type(raw, s.Facts)
    if faults := tuple(fact_faults(facts)):
        raise ReportInvalid(faults)
    return facts


def to_type(raw: Any, kind: type[Part]) -> Part:
    """Convert parsed JSON, turning msgspec's "message - at `path`" into a `Fault`."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        raise ReportInvalid((Fault(path.rstrip("`") or "$", message),)) from error


def fact_faults(facts: s.Facts) -> Iterator[Fault]:
    """Inconsistencies between fields of the facts."""
    yield from _time_faults(facts)
    yield from _identity_faults(facts)
    for i, run in enumerate(facts.training_runs):
        if run.rounds_completed > run.rounds_planned:
            expected = f"expected at most the {run.rounds_planned} planned rounds, got {run.rounds_completed}"
            yield Fault(f"$.training_runs[{i}].rounds_completed", expected)
    for i, audit in enumerate(facts.audits):
        yield from _audit_faults(audit, f"$.audits[{i}]")
    yield from _incident_faults(facts)
    if facts.appeals is not None:
        yield from _appeal_faults(facts.appeals)
    for i, sample in enumerate(facts.external):
        yield from _sample_faults(sample, f"$.external[{i}]")
    yield from _trail_faults(facts.audit_trail)


def _sample_faults(sample: s.ExternalSample, path: str) -> Iterator[Fault]:
    """The rate is computed again from the counts: it is never believed."""
    if any(t.conform > t.assessed or t.assessed > t.drawn or t.drawn > t.population for t in sample.strata):
        yield Fault(f"{path}.strata", "expected conform ≤ assessed ≤ drawn ≤ population")
        return
    drawn = sum(t.drawn for t in sample.strata)
    conform = sum(t.conform for t in sample.strata)
    if drawn != conform + sample.minor + sample.major + sample.not_assessable:
        yield Fault(path, f"expected the findings to add up to the {drawn} items drawn")
    found = success_rate([Stratum(t.name, t.population, t.assessed, t.conform) for t in sample.strata])
    expected = (found.value, found.low, found.high) if found else (None, None, None)
    told = (sample.rate, sample.low, sample.high)
    if not all(map(_alike, told, expected)):
        yield Fault(f"{path}.rate", f"the counts give {expected}, got {told}")


def _alike(told: float | None, expected: float | None) -> bool:
    if told is None or expected is None:
        return told is expected
    return math.isclose(told, expected, abs_tol=1e-9)


def _time_faults(facts: s.Facts) -> Iterator[Fault]:
    if facts.period.end < facts.period.start:
        yield Fault("$.period.end", f"expected {facts.period.start} or later, got {facts.period.end}")
    if facts.generated_at.utcoffset() != dt.timedelta(0):
        yield Fault("$.generated_at", f"expected UTC, got offset {facts.generated_at.utcoffset()}")
    if facts.generated_at.date() < facts.period.end:
        yield Fault("$.generated_at", f"expected a time not before the period's last day {facts.period.end}")
    named = {
        "training_runs": [(run.started_at, "started_at") for run in facts.training_runs],
        "audits": [(audit.completed_at, "completed_at") for audit in facts.audits],
        "approvals": [(approval.decided_at, "decided_at") for approval in facts.approvals],
        "incidents": [(incident.at, "at") for incident in facts.incidents],
        "changes": [(change.at, "at") for change in facts.changes],
    }
    for section, instants in named.items():
        for i, (instant, field) in enumerate(instants):
            if instant.astimezone(dt.UTC).date() > facts.period.end:
                yield Fault(f"$.{section}[{i}].{field}", f"expected within the period to {facts.period.end}")


def _identity_faults(facts: s.Facts) -> Iterator[Fault]:
    for field in ("institutions", *filter(None, s.SECTIONS.values())):
        seen: set[str] = set()
        for i, item in enumerate(getattr(facts, field)):
            if item.id in seen:
                yield Fault(f"$.{field}[{i}].id", f"expected a unique identifier, got {item.id!r} twice")
            seen.add(item.id)


def _audit_faults(audit: s.Audit, path: str) -> Iterator[Fault]:
    if audit.bias is not None:
        yield from _interval_faults(audit.bias, f"{path}.bias")
        if audit.bias.verdict != (expected := verdict_of(audit.bias)):
            interval = f"[{audit.bias.low}, {audit.bias.high}]"
            message = f"interval {interval} and threshold {audit.bias.threshold} give {expected}"
            yield Fault(f"{path}.bias.verdict", f"{message}, got {audit.bias.verdict}")
    elif not audit.not_assessed:
        yield Fault(f"{path}.bias", "expected a bias score, or the reason for its absence in not_assessed")
    if audit.worst_gap is not None and audit.worst_gap.rate_low > audit.worst_gap.rate_high:
        yield Fault(f"{path}.worst_gap.rate_low", "expected the smaller rate in rate_low, got the larger")
    for name, part in [
        ("explanation", audit.explanation),
        *((f"group_metrics[{i}]", metric) for i, metric in enumerate(audit.group_metrics)),
        *((f"attacks[{i}]", attack) for i, attack in enumerate(audit.attacks)),
    ]:
        if part is not None:
            yield from _interval_faults(part, f"{path}.{name}")


def verdict_of(bias: s.Bias) -> s.Verdict:
    """The verdict its confidence bounds give: never from the point estimate."""
    if bias.low > bias.threshold:
        return "FAIL"
    return "PASS" if bias.high <= bias.threshold else "INCONCLUSIVE"


def _interval_faults(part: Any, path: str) -> Iterator[Fault]:
    if (part.low is None) != (part.high is None):
        yield Fault(path, "expected both bounds of the interval or neither")
    # The point may lie outside: a bias-corrected interval of a maximum need not hold its plug-in estimate.
    elif part.low is not None and part.low > part.high:
        yield Fault(path, f"expected low ≤ high, got {part.low} and {part.high}")


def _incident_faults(facts: s.Facts) -> Iterator[Fault]:
    known = {deployment.id for deployment in facts.deployments}
    for i, incident in enumerate(facts.incidents):
        path = f"$.incidents[{i}]"
        if incident.deployment is not None and incident.deployment not in known:
            yield Fault(f"{path}.deployment", f"expected a deployment of this report, got {incident.deployment!r}")
        if incident.kind == "automatic halt" and None in (
            incident.metric,
            incident.gap,
            incident.wealth,
            incident.threshold,
        ):
            yield Fault(path, "an automatic halt needs metric, gap, wealth and threshold")
        if incident.reinstatement is None:
            continue
        if len(set(incident.reinstatement.by)) < 2:
            yield Fault(f"{path}.reinstatement.by", "expected two independent officers")
        if incident.reinstatement.at <= incident.at:
            yield Fault(f"{path}.reinstatement.at", "expected a time after the halt")


def _appeal_faults(appeals: s.Appeals) -> Iterator[Fault]:
    came = appeals.carried_over + appeals.received
    went = appeals.upheld + appeals.rejected + appeals.withdrawn + appeals.open
    if came != went:
        yield Fault(
            "$.appeals", f"expected carried_over + received ({came}) = upheld + rejected + withdrawn + open ({went})"
        )


def _trail_faults(trail: s.AuditTrail) -> Iterator[Fault]:
    path = "$.audit_trail"
    if trail.anchor is not None and trail.anchor.size > trail.entries:
        yield Fault(f"{path}.anchor.size", f"expected at most {trail.entries} entries, got {trail.anchor.size}")
    if trail.completeness is not None and trail.completeness.found > trail.completeness.expected:
        yield Fault(f"{path}.completeness.found", f"expected at most {trail.completeness.expected}")
    if trail.verdict != "VERIFIED" and trail.reason is None:
        yield Fault(f"{path}.reason", f"expected the reason for {trail.verdict}")


def _derivation_faults(report: s.Report) -> Iterator[Fault]:
    for name, expected in (("controls", derive_controls(report)), ("summary", summarise(report))):
        if getattr(report, name) != expected:
            yield Fault(f"$.{name}", "does not follow from the facts; build it with complete()")
    for path, pointer in _pointers(report):
        if not resolves(report, pointer):
            yield Fault(path, f"expected a section or item of this report, got {pointer!r}")


def _pointers(report: s.Report) -> Iterator[tuple[str, str]]:
    for i, control in enumerate(report.controls):
        for j, pointer in enumerate(control.evidence):
            yield f"$.controls[{i}].evidence[{j}]", pointer
    for name, sentences in (("findings", report.summary.findings), ("recommendations", report.summary.recommendations)):
        for i, sentence in enumerate(sentences):
            for j, pointer in enumerate(sentence.evidence):
                yield f"$.summary.{name}[{i}].evidence[{j}]", pointer


def resolves(facts: s.Facts, pointer: str) -> bool:
    """Whether a pointer ("audits" or "audits/AUD-7") names something in the report."""
    section, _, item = pointer.partition("/")
    if section not in s.SECTIONS:
        return False
    if not item:
        return "/" not in pointer
    field = s.SECTIONS[section]
    return bool(field) and any(record.id == item for record in getattr(facts, field))
