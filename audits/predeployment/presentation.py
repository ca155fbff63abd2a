"""What the audit pages show: the verdict by principle first, then each check with its charts, tables and its proof."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from audits.domain.fairness.guide import GUIDE
from audits.domain.verdict import Verdict, combine
from audits.predeployment import cost, results
from audits.predeployment.checks.base import Principle
from audits.predeployment.figures import drawn
from audits.predeployment.models import AuditRun, CheckResult
from audits.predeployment.progress import progress_of
from audits.predeployment.side_by_side import pairs_of
from core.spoken import spoken
from federation.presentation.model_words import label_of
from federation.presentation.start import start_words
from models_registry.fails import standing_of
from provenance.reading import latest_entry

ALLOWS = {
    Verdict.PASS: "Clinical use may be requested. It still needs two ethics officers of two institutions and an "
    "administrator.",
    Verdict.FAIL: "No use may be requested, neither clinical nor shadow. Train a new version that meets the limits.",
    Verdict.INCONCLUSIVE: "Clinical use is blocked. A shadow deployment, limited by the board, may be requested.",
    Verdict.NOT_ASSESSABLE: "Clinical use is blocked. A shadow deployment, limited by the board, may be requested.",
}
# Checks whose verdict is not a pass or a fail to their reader. Unknown states are shown plainly, in their own words.
_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "quantum_mmd": {"pass": ("not_flagged", "Not flagged"), "fail": ("warning", "Flagged for review")},
    "aif360": {"not_assessable": ("reported", "Reported")},
    "thresholds": {"not_assessable": ("reported", "Reported")},
}
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
_ASKS = {
    Principle.FAIRNESS: "Does the model serve every group of patients alike?",
    Principle.PRIVACY: "Can a patient be recognised, or his record rebuilt, from the model?",
    Principle.SECURITY: "Does the model hold when somebody tampers with its inputs?",
    Principle.TRANSPARENCY: "Can people see why the model says what it says?",
    Principle.ACCOUNTABILITY: "Is it on record who did what, and with whose consent?",
    Principle.PERFORMANCE: "Does the model work, and where was that shown?",
}


@dataclass(frozen=True)
class CheckView:
    """A check as a page shows it: `state` and `label` for the badge, its charts, and how it was measured."""

    row: CheckResult
    state: str
    label: str
    charts: list[Any] = field(default_factory=list)
    facts: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def panel_id(self) -> str:
        return f"check-{self.row.check_id}"

    @property
    def question(self) -> str:
        return self.row.provenance.get("question", "")

    @property
    def lead(self) -> str:
        """The first sentence, which stands alone; `more` is what follows it."""
        return _END_OF_SENTENCE.split(self.row.sentence, maxsplit=1)[0]

    @property
    def more(self) -> str:
        return self.row.sentence[len(self.lead) :].strip()

    @property
    def level(self) -> str:
        """Confidence of the bounds in per cent."""
        return f"{100 * (self.row.level or 0.95):.4g}"


@dataclass(frozen=True)
class PrincipleView:
    """One principle: its outcome from the checks that decide, and all its checks."""

    id: str
    name: str
    asks: str
    state: str
    label: str
    deciding: list[CheckView]
    informing: list[CheckView]

    @property
    def checks(self) -> list[CheckView]:
        return [*self.deciding, *self.informing]

    @property
    def flags(self) -> list[CheckView]:
        """Checks that only inform, and found something."""
        return [view for view in self.informing if view.row.verdict == Verdict.FAIL]


def page_of(audit: AuditRun) -> dict[str, Any]:
    """The context of an audit's page."""
    context: dict[str, Any] = {**progress_of(audit), "facts": _facts(audit), "policy": policy_rows(audit.policy)}
    if audit.state != AuditRun.State.FINISHED:
        return context
    newer = AuditRun.objects.filter(
        version=audit.version_id, state=AuditRun.State.FINISHED, created_at__gt=audit.created_at
    )
    return (
        context
        | results_of(audit)
        | {
            "newer": newer.order_by("-created_at").first(),
            "intact": results.digest_now(audit) == audit.digest,
            "standing": standing_of(audit.version),
            "ledger": ledger_link(audit),
            "cost": cost.spent(audit),
            "comparable": AuditRun.objects.filter(version__model=audit.version.model_id, state=AuditRun.State.FINISHED)
            .exclude(id=audit.id)
            .exists(),
        }
    )


def results_of(audit: AuditRun) -> dict[str, Any]:
    """What page and report show of a finished audit's results."""
    views = [check_view(row) for row in _ordered(audit)]
    verdict = Verdict(audit.verdict)
    return {
        "views": views,
        "principles": by_principle(views),
        "allows": ALLOWS[verdict],
        "explanation": verdict.explanation,
        "pairs": pairs_of(results.content_of(view.row) for view in views),
        "guide": _guide({row.row.check_id for row in views}),
        "answers": {name: value for view in views for name, value in view.row.provenance.get("answers", {}).items()},
    }


def _guide(measured: set[str]) -> list[dict[str, Any]]:
    """From the harm feared to the figure, with whether this audit has it: a gap is to be seen."""
    return [asdict(line) | {"measured": line.check in measured} for line in GUIDE]


def _ordered(audit: AuditRun) -> list[CheckResult]:
    """In the order of the policy, which is that of the registry."""
    rows = {row.check_id: row for row in audit.checks.all()}
    order = [name for name in audit.policy.get("checks", {}) if name in rows]
    return [rows[name] for name in (*order, *sorted(rows.keys() - set(order)))]


def by_principle(views: Iterable[CheckView]) -> list[PrincipleView]:
    """Every principle, also one that nothing was measured for: a gap is to be seen."""
    views = list(views)
    return [_principle(principle, [v for v in views if v.row.principle == principle]) for principle in Principle]


def _principle(principle: Principle, views: list[CheckView]) -> PrincipleView:
    deciding = [view for view in views if view.row.gating]
    informing = [view for view in views if not view.row.gating]
    must = [Verdict(view.row.verdict) for view in deciding if view.row.decides == CheckResult.Decides.CERTIFIES]
    failed = any(view.row.verdict == Verdict.FAIL for view in deciding)
    state, label = "reported", "Not decided here"
    if failed:
        state, label = Verdict.FAIL.value, ""
    elif must:
        state, label = combine(must).value, ""
    elif deciding:
        state, label = "not_flagged", "Not refuted"
    elif not views:
        state, label = "not_recorded", "Not measured"
    return PrincipleView(
        principle.value, principle.value.capitalize(), _ASKS[principle], state, label, deciding, informing
    )


def check_view(row: CheckResult) -> CheckView:
    state, label = _WORDS.get(row.check_id, {}).get(row.verdict, (row.verdict, ""))
    return CheckView(row, state, label, drawn(row.figures, key=row.check_id), _provenance(row))


def _provenance(row: CheckResult) -> list[tuple[str, Any]]:
    """How it was measured, as a list of facts."""
    told = row.provenance
    rows: list[tuple[str, Any]] = [("It needs", ", ".join(told.get("inputs", [])) or None)]
    rows += [
        (_("Setting: %(name)s") % {"name": name.replace("_", " ")}, value)
        for name, value in told.get("settings", {}).items()
    ]
    rows += [(_("Seed: %(name)s") % {"name": name}, value) for name, value in told.get("seeds", {}).items()]
    rows += [(_("Version: %(name)s") % {"name": name}, value) for name, value in told.get("versions", {}).items()]
    return rows + [(_("Seconds at %(site)s") % {"site": site}, seconds) for site, seconds in row.seconds.items()]


def _facts(audit: AuditRun) -> list[tuple[str, Any]]:
    config, approved = audit.version.config, audit.approved_policy
    return [
        ("Tier", spoken(audit.get_tier_display())),
        ("Policy", str(approved) if approved else None),
        ("Task", config["task"].capitalize()),
        ("Quantum model", config["models"]["primary"]["kind"]),
        (label_of(config, "baseline"), config["models"]["baseline"]["kind"]),
        (
            "Asked for by",
            audit.requested_by.name if audit.requested_by else _("the platform, when the version was made"),
        ),
        ("Frozen configuration", audit.version.config_hash),
        *([("Begins from", begins)] if (begins := start_words(config)) else []),
    ]


def policy_rows(policy: dict[str, Any]) -> list[tuple[str, Any]]:
    """The policy as a flat list of dotted names, all of it."""
    return sorted(_flat(policy), key=lambda row: row[0])


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            rows += _flat(item, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", ", ".join(map(str, item)) if isinstance(item, list) else item))
    return rows


def ledger_link(audit: AuditRun) -> tuple[int, str] | None:
    """The newest ledger entry about the audit: its number and page, if it is sequenced and the page exists."""
    entry = latest_entry(audit.id)
    if entry is None:
        return None
    try:
        return entry.seq, reverse("ledger_entry", args=[entry.seq])
    except NoReverseMatch:
        return entry.seq, ""


def tiers_of(version, policies: Sequence[Any]) -> list[dict[str, Any]]:
    """What each tier of each class of risk would measure, and about how long that takes."""
    return [cost.estimate(version, policy, tier) for policy in policies for tier in AuditRun.Tier]
