"""Which control of which framework this report gives evidence for, and where.

The controls are the files of `audits/posthoc/frameworks`; here stands where in a report their evidence is found.
A row says only that evidence exists in the report, never that a requirement is met: that is the reader's judgement.
ISO 31700-1 prescribes no method, so the report is "aligned to" it.
"""

from collections.abc import Callable, Iterable

from audits.posthoc.frameworks import shipped

from . import schema as s

Finder = Callable[[s.Facts], list[str]]  # pointers to the evidence, none if there is none


def derive_controls(facts: s.Facts) -> list[s.Control]:
    """The control mapping of the period: the controls for which a report can hold evidence at all."""
    return [
        s.Control(
            framework=framework.title,
            clause=control.reference,
            requirement=control.title,
            status="evidenced" if (evidence := _pointers(control.evidence, facts)) else "no evidence in this period",
            evidence=evidence,
        )
        for framework in shipped()
        for control in framework.controls
        if any(name in FINDERS for name in control.evidence)
    ]


def _pointers(names: Iterable[str], facts: s.Facts) -> list[str]:
    """Where in the report the evidence stands, each place once."""
    return list(dict.fromkeys(pointer for name in names if name in FINDERS for pointer in FINDERS[name](facts)))


def _section(name: str) -> Finder:
    """All of a section, if it has items."""
    return lambda facts: [name] if getattr(facts, s.SECTIONS[name] or name) else []


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

FINDERS: dict[str, Finder] = {
    "trail": _trail,
    "models": _models,
    "training_runs": _training,
    "private_runs": _private_runs,
    "audits": _section("audits"),
    "bias_checks": _bias,
    "attack_checks": _attacks,
    "robustness_checks": _attacks,
    "explanation_checks": _explained,
    "cards": _cards,
    "approvals": _approvals,
    "deployments": _deployments,
    "halts": _halts,
    "incidents": _incidents,
    "appeals": _appeals,
}
