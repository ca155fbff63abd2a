"""The role matrix: which role may perform which action. Nothing else grants a right."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    ETHICS_OFFICER = "ethics_officer"
    AUDITOR = "auditor"
    SITE_OPERATOR = "site_operator"
    CLINICIAN = "clinician"
    EXTERNAL_AUDITOR = "external_auditor"  # of an outside board: one version, until a day


LABELS = {
    Role.ADMINISTRATOR: "Administrator",
    Role.ETHICS_OFFICER: "Ethics officer",
    Role.AUDITOR: "Auditor",
    Role.SITE_OPERATOR: "Site operator",
    Role.CLINICIAN: "Clinician",
    Role.EXTERNAL_AUDITOR: "External auditor",
}
_OUTSIDE = frozenset({Role.EXTERNAL_AUDITOR})
_ALL = frozenset(Role) - _OUTSIDE
_STAFF = _ALL - {Role.CLINICIAN}

MATRIX: dict[str, frozenset[Role]] = {
    "home.view": _ALL | _OUTSIDE,
    "account.own": _ALL | _OUTSIDE,  # one's own second factor, sessions, password
    "federation.view": _STAFF,
    "federation.manage": frozenset({Role.ADMINISTRATOR}),
    "run.start": frozenset({Role.ADMINISTRATOR}),
    "run.control": frozenset({Role.ADMINISTRATOR}),  # pause, resume, abort
    "site.kit": frozenset({Role.SITE_OPERATOR}),  # to take an invitation to a federation, with the keys of the own site
    "consent.give": frozenset({Role.SITE_OPERATOR}),  # to a quantum device
    "consent.sign": frozenset({Role.SITE_OPERATOR, Role.ETHICS_OFFICER}),  # to a run: one of each, of the own site
    "retrain.decide": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER}),
    "budget.set": frozenset({Role.ETHICS_OFFICER}),  # of the own institution
    "quantum.view": _STAFF,
    "quantum.order": frozenset({Role.ADMINISTRATOR}),  # order, cancel, retry, set limits
    "model.view": _ALL,
    "version.view": _ALL | _OUTSIDE,  # and its card
    "card.edit": frozenset({Role.ADMINISTRATOR}),
    "card.publish": frozenset({Role.ADMINISTRATOR}),
    "audit.view": _STAFF | _OUTSIDE,
    "audit.start": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER}),
    "thresholds.record": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER}),
    "external.view": _STAFF | _OUTSIDE,
    "external.invite": frozenset({Role.ADMINISTRATOR}),
    "external.work": _OUTSIDE,
    "policy.view": _STAFF,
    "policy.propose": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER}),
    "policy.decide": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),
    "approval.view": _STAFF,
    "approval.request": frozenset({Role.ADMINISTRATOR}),
    "approval.decide": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),
    "approval.delegate": frozenset({Role.ETHICS_OFFICER}),
    "key.hold": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR, Role.AUDITOR}),  # to sign decisions and reports
    "deployment.view": _ALL,
    "deployment.create": frozenset({Role.ADMINISTRATOR}),
    "deployment.halt": frozenset({Role.ETHICS_OFFICER}),
    "deployment.reinstate": frozenset({Role.ETHICS_OFFICER}),
    "incident.view": _ALL,
    "incident.manage": frozenset({Role.ETHICS_OFFICER}),
    "lookback.view": frozenset({Role.ETHICS_OFFICER, Role.SITE_OPERATOR, Role.CLINICIAN}),  # of the own site
    "lookback.mark": frozenset({Role.ETHICS_OFFICER, Role.CLINICIAN}),
    "notice.view": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER, Role.AUDITOR}),
    "notice.send": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER}),
    "webhook.manage": frozenset({Role.ADMINISTRATOR}),
    "prediction.request": frozenset({Role.CLINICIAN}),
    "event.record": frozenset({Role.CLINICIAN}),  # a prediction made by a model that runs elsewhere
    "outcome.record": frozenset({Role.CLINICIAN}),
    "review.record": frozenset({Role.CLINICIAN}),  # what was done with a prediction
    "appeal.view": _ALL - {Role.SITE_OPERATOR},
    "appeal.file": frozenset({Role.CLINICIAN, Role.ETHICS_OFFICER}),
    "appeal.decide": frozenset({Role.CLINICIAN, Role.ETHICS_OFFICER}),
    "ledger.view": _STAFF,
    "report.view": _STAFF,
    "report.create": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),
    "report.sign": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER}),  # as an auditor, or as the chair of a board
    "sample.view": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER, Role.ADMINISTRATOR}) | _OUTSIDE,
    "sample.work": _OUTSIDE,  # draw a sample, record findings: never people of the platform
    "control.view": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),  # and risks
    "control.evidence": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),  # bring and withdraw files
    "risk.edit": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),
    "board.view": _STAFF | _OUTSIDE,  # of outsiders, the reviews they sit on
    "board.convene": frozenset({Role.AUDITOR}),  # nobody who approves or runs what is reviewed
    "board.hold": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER}) | _OUTSIDE,  # declare, find, sign (an auditor)
    "board.follow": frozenset({Role.ADMINISTRATOR, Role.ETHICS_OFFICER, Role.AUDITOR, Role.SITE_OPERATOR}),
    "protection.view": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),  # and continuity
    "protection.edit": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),  # record, assessments, breaches
    "assessment.sign": frozenset({Role.ETHICS_OFFICER}),
    "retention.manage": frozenset({Role.ADMINISTRATOR}),
    "hold.place": frozenset({Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),
    "continuity.drill": frozenset({Role.ADMINISTRATOR}),
    "subject.view": frozenset({Role.AUDITOR, Role.ETHICS_OFFICER, Role.ADMINISTRATOR}),
    "subject.handle": frozenset({Role.ETHICS_OFFICER}),  # of the own hospital
    "people.view": frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    "people.erase": frozenset({Role.ADMINISTRATOR}),
    "people.invite": frozenset({Role.ADMINISTRATOR}),
    "provider.manage": frozenset({Role.ADMINISTRATOR}),  # identity providers of the own institution
    "emergency.view": _ALL,
    "emergency.request": frozenset({Role.ADMINISTRATOR, Role.SITE_OPERATOR, Role.CLINICIAN}),
    "emergency.confirm": _ALL - {Role.AUDITOR},  # of the institution or the platform, never who asked
    "emergency.review": frozenset({Role.ETHICS_OFFICER, Role.AUDITOR}),
    "factor.reset": frozenset({Role.ADMINISTRATOR}),  # of a person who lost the device: two administrators
    "key.manage": frozenset({Role.ADMINISTRATOR}),  # of machines
}

# Lists of patients are for people, who answer for having read them: no machine's key opens one, whatever it names.
PEOPLE_ONLY = frozenset({"lookback.view", "lookback.mark"})


def allowed(roles: frozenset[Role], action: str) -> bool:
    """Whether any of these roles may perform the action. An unknown action is a programming error, not a refusal."""
    return bool(MATRIX[action] & roles)
