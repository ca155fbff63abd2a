"""Which control of which framework this report gives evidence for, and where.

A row says only that evidence exists in the report, never that a requirement is met: that is the reader's judgement.
ISO 31700-1 prescribes no method, so the report is "aligned to" it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import schema as s

Finder = Callable[[s.Facts], list[str]]  # pointers to the evidence, none if there is none


@dataclass(frozen=True)
class Rule:
    framework: str
    clause: str
    requirement: str
    find: Finder


def derive_controls(facts: s.Facts) -> list[s.Control]:
    """The control mapping of the period."""
    return [
        s.Control(
            framework=rule.framework,
            clause=rule.clause,
            requirement=rule.requirement,
            status="evidenced" if (evidence := rule.find(facts)) else "no evidence in this period",
            evidence=evidence,
        )
        for rule in RULES
    ]


def _section(name: str) -> Finder:
    """All of a section, if it has items."""
    return lambda facts: [name] if getattr(facts, s.SECTIONS[name] or name) else []


def _any(*finders: Finder) -> Finder:
    return lambda facts: [pointer for find in finders for pointer in find(facts)]


def _audits(wanted: Callable[[s.Audit], object]) -> Finder:
    return lambda facts: [f"audits/{audit.id}" for audit in facts.audits if wanted(audit)]


def _trail(_facts: s.Facts) -> list[str]:
    return ["trail"]


def _appeals(facts: s.Facts) -> list[str]:
    return ["appeals"] if facts.appeals and (facts.appeals.received or facts.appeals.carried_over) else []


def _halts(facts: s.Facts) -> list[str]:
    return [f"incidents/{incident.id}" for incident in facts.incidents if incident.kind != "incident"]


def _private_runs(facts: s.Facts) -> list[str]:
    return [f"training/{run.id}" for run in facts.training_runs if run.privacy is not None]


def _cards(facts: s.Facts) -> list[str]:
    return [f"models/{model.id}" for model in facts.models if model.card_sha256]


_bias = _audits(lambda audit: audit.bias)
_attacks = _audits(lambda audit: audit.attacks)
_explained = _audits(lambda audit: audit.explanation)
_models, _training, _approvals = _section("models"), _section("training"), _section("approvals")
_deployments, _incidents = _section("deployments"), _section("incidents")

NIST, AI_ACT = "NIST AI RMF 1.0", "EU AI Act"
RULES: tuple[Rule, ...] = (
    Rule(NIST, "GOVERN 1.5", "Monitoring and periodic review are planned and done", _trail),
    Rule(NIST, "GOVERN 1.6", "AI systems are inventoried", _models),
    Rule(NIST, "GOVERN 3.2", "Human oversight roles are defined", _approvals),
    Rule(NIST, "MAP 3.5", "Human oversight is defined and documented", _any(_approvals, _halts)),
    Rule(NIST, "MEASURE 2.4", "Behaviour is monitored in production", _deployments),
    Rule(NIST, "MEASURE 2.7", "Security and resilience are evaluated", _attacks),
    Rule(NIST, "MEASURE 2.8", "Transparency and accountability risks are examined", _any(_trail, _approvals)),
    Rule(NIST, "MEASURE 2.9", "The model is explained", _any(_explained, _cards)),
    Rule(NIST, "MEASURE 2.10", "Privacy risk is examined", _any(_private_runs, _attacks)),
    Rule(NIST, "MEASURE 2.11", "Fairness and bias are evaluated", _bias),
    Rule(NIST, "MANAGE 2.4", "A system can be disengaged or deactivated", _halts),
    Rule(NIST, "MANAGE 4.1", "Post-deployment monitoring, appeal and override", _any(_deployments, _appeals)),
    Rule(NIST, "MANAGE 4.3", "Incidents are tracked and communicated", _incidents),
    Rule(AI_ACT, "Art. 9", "Risk management system", _bias),
    Rule(AI_ACT, "Art. 10", "Data and data governance: examination for bias", _bias),
    Rule(AI_ACT, "Art. 11, Annex IV", "Technical documentation", _any(_cards, _training)),
    Rule(AI_ACT, "Art. 12", "Record-keeping", _trail),
    Rule(AI_ACT, "Art. 13", "Transparency to deployers", _cards),
    Rule(AI_ACT, "Art. 14", "Human oversight, including stop (4)(e)", _any(_approvals, _halts)),
    Rule(AI_ACT, "Art. 15", "Accuracy, robustness and cybersecurity", _attacks),
    Rule(AI_ACT, "Art. 26(5)", "Suspension of use and information", _halts),
    Rule(AI_ACT, "Art. 72", "Post-market monitoring", _deployments),
    Rule(AI_ACT, "Art. 73", "Serious incidents", _incidents),
    Rule("GDPR", "Art. 22(3)", "Human intervention, expressing a view, contesting", _appeals),
    Rule("HIPAA", "45 CFR 164.312(b)", "Audit controls: activity is recorded and examined", _trail),
    Rule("ISO 31700-1:2023 (aligned to)", "4.5", "Roles and authorities", _approvals),
    Rule(
        "ISO 31700-1:2023 (aligned to)", "6", "Privacy risk: assessment and monitoring", _any(_private_runs, _attacks)
    ),
    Rule(
        "ISO 31700-1:2023 (aligned to)", "7", "Privacy controls: design, test, operate, breach", _any(_training, _halts)
    ),
)
