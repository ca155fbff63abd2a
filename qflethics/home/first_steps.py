"""What each role does first on a new platform. Ticked off by what is on record, and put away by the person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts import factors
from accounts.inbox import preferences_of
from accounts.models import User
from audits.posthoc.models import BoardReview, Report
from audits.runtime.models import Review
from core.models import DomainEvent
from core.roles import Role
from federation.models import Consent, Participant, TrainingRun
from models_registry.models import ApprovalDecision, ApprovalRequest, Deployment, ReviewerKey
from provenance.checking import FINISHED
from qflethics.home.needs import link


@dataclass(frozen=True)
class Step:
    """One thing to do first, why, where, and whether it is done."""

    title: str
    why: str
    url: str
    done: bool


def first_steps(user: User) -> list[Step]:
    """The steps of the person's roles, in order; none once they are all done or were put away."""
    if preferences_of(user).first_steps_done:
        return []
    steps = {step.title: step for role in Role if role in user.roles for step in _OF.get(role, _nothing)(user)}
    return [] if all(step.done for step in steps.values()) else list(steps.values())


def _nothing(user: User) -> Iterator[Step]:
    yield from ()


def _factor(user: User) -> Step:
    return Step(
        _("Set up a second factor"), _("A stolen password alone then opens nothing."), link("mfa_index"),
        factors.held_by(user).exists(),
    )  # fmt: skip


def _administrator(user: User) -> Iterator[Step]:
    yield _factor(user)
    yield Step(
        _("Bring the hospitals in"), _("Invite each site on the page of its federation; its worker then reports."),
        link("federations"), Participant.objects.filter(last_seen_at__isnull=False).exists(),
    )  # fmt: skip
    yield Step(
        _("Propose a training run"), _("It is frozen and shown to every hospital, which consents or does not."),
        link("federations"), TrainingRun.objects.exists(),
    )  # fmt: skip
    yield Step(
        _("Request an approval"), _("When the audit of a version has passed, on the version's page."), link("models"),
        ApprovalRequest.objects.exists(),
    )  # fmt: skip
    yield Step(
        _("Deploy an approved version"), _("From the page of the approved request."), link("approvals"),
        Deployment.objects.exists(),
    )  # fmt: skip


def _officer(user: User) -> Iterator[Step]:
    yield _factor(user)
    yield Step(
        _("Register a key of your own"), _("You sign decisions with it; the platform never holds it."),
        link("approval_keys"), ReviewerKey.objects.filter(user=user, revoked_at=None).exists(),
    )  # fmt: skip
    yield Step(
        _("Decide on a first request"), _("The audit policies say what a model must pass before you are asked."),
        link("approvals"), ApprovalDecision.objects.filter(decided_by=user).exists(),
    )  # fmt: skip
    yield Step(
        _("Sign the terms of a run"), _("Your hospital takes part only with your signature."), link("federations"),
        Consent.objects.filter(decided_by=user).exists(),
    )  # fmt: skip


def _auditor(user: User) -> Iterator[Step]:
    yield _factor(user)
    yield Step(
        _("Verify the ledger"), _("Every record of the platform is checked against its proofs."),
        link("ledger_verification"), DomainEvent.objects.filter(kind=FINISHED).exists(),
    )  # fmt: skip
    yield Step(
        _("Convene a board review"), _("An independent board looks at the open matters every month."),
        link("board_reviews"), BoardReview.objects.exists(),
    )  # fmt: skip
    yield Step(
        _("Make a report"), _("Of any period, with the evidence attached."), link("reports"), Report.objects.exists()
    )


def _operator(user: User) -> Iterator[Step]:
    mine = Participant.objects.filter(institution__in=user.institution_ids)
    yield Step(
        _("Start the worker of your site"), _("It holds the data and the keys; nothing but sums leaves it."),
        link("federations"), mine.filter(last_seen_at__isnull=False).exists(),
    )  # fmt: skip
    yield Step(
        _("Sign the terms of a run"), _("Your hospital takes part only with your signature."), link("federations"),
        Consent.objects.filter(decided_by=user).exists(),
    )  # fmt: skip


def _clinician(user: User) -> Iterator[Step]:
    yield Step(
        _("Say what you did with a prediction"), _("Open a case by its name and record it. You can contest it there."),
        link("deployments"), Review.objects.filter(recorded_by=user.pk).exists(),
    )  # fmt: skip


_OF: dict[Role, Callable[[User], Iterator[Step]]] = {
    Role.ADMINISTRATOR: _administrator,
    Role.ETHICS_OFFICER: _officer,
    Role.AUDITOR: _auditor,
    Role.SITE_OPERATOR: _operator,
    Role.CLINICIAN: _clinician,
}
