"""What needs this person now, most urgent first. A few queries; each row links to where it is dealt with."""

from __future__ import annotations

from accounts.models import User
from core.tones import ToneName
from protection.needs import protection_needs
from qflethics.home.needs import office, people, serving, training
from qflethics.home.needs.base import Need, link

__all__ = ["Need", "link", "needs_of"]

_URGENCY: tuple[ToneName, ...] = ("halt", "fail", "warn", "info", "pass", "muted", "plain")


def needs_of(user: User) -> list[Need]:
    """Everything that waits for this person, by urgency, the longest waiting first."""
    found: list[Need] = []
    if user.may("deployment.view"):
        found += [*serving.halts(user), *serving.clocks(user)]
    if user.may("consent.sign"):
        found += training.consents(user)
    if user.may("retrain.decide"):
        found += training.reconsiderations(user)
    if user.may("run.start") or user.may("consent.give"):
        found += training.silent_sites(user)
    if user.may("run.start"):
        found += [*training.runs(user), *training.dead_jobs()]
    if user.may("approval.request"):
        found += [*office.versions(user), *office.approved(user)]
    if user.may("approval.decide"):
        found += [*office.approvals(user), *office.policies(user)]
    if user.may("appeal.decide"):
        found += serving.appeals(user)
    if user.may("audit.view"):
        found += [*serving.amber(user), *office.audits(user)]
    if user.may("external.view"):
        found += office.external(user)
    if user.may("report.view"):
        found += office.reports(user)
    found += [Need(n.title, n.detail, n.url, n.tone, n.since) for n in protection_needs(user)]
    if user.may("factor.reset"):
        found += people.lost_devices(user)
    found += [*people.emergencies(user), *people.own_account(user)]
    return sorted(found, key=lambda need: (_URGENCY.index(need.tone), need.since))
