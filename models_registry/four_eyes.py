"""Four eyes: what people decide on, be it a use of a version or a policy of audits, is approved by the same rule.

Officers of different institutions first, then an administrator, and nobody on their own request. The rule stands once
more in the database (`guards.needs_quorum`, `guards.decision_is_independent`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Institution, User
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from models_registry.models_decision import Capacity, Decision


class Decided(Protocol):
    """What people decide on."""

    @property
    def requested_by_id(self) -> Any: ...

    @property
    def decisions(self) -> Any: ...


@dataclass(frozen=True)
class Standing:
    """How far a request is: who has approved, and what is still missing."""

    officers: int
    institutions: int
    administrators: int

    @property
    def quorum(self) -> bool:
        """Whether the officers' part is complete."""
        return self.officers >= settings.OFFICERS_REQUIRED and self.institutions >= settings.INSTITUTIONS_REQUIRED

    @property
    def complete(self) -> bool:
        return self.quorum and self.administrators >= 1

    @property
    def missing(self) -> list[str]:
        """What is still needed, in the order in which it can come."""
        out = []
        officers = settings.OFFICERS_REQUIRED - self.officers
        if officers > 0:
            out.append(
                ngettext(
                    "the approval of %(n)s more ethics officer", "the approval of %(n)s more ethics officers", officers
                )
                % {"n": officers}
            )
        if self.institutions < settings.INSTITUTIONS_REQUIRED:
            out.append(
                _("officers of %(n)s different institutions (so far %(so_far)s)")
                % {"n": settings.INSTITUTIONS_REQUIRED, "so_far": self.institutions}
            )
        if not self.administrators:
            out.append(_("then the approval of an administrator who is not the requester"))
        return out


def standing_of(subject: Decided) -> Standing:
    approvals = [d for d in subject.decisions.all() if d.decision == Decision.APPROVE]
    officers = [d for d in approvals if d.capacity == Capacity.OFFICER]
    return Standing(
        officers=len(officers),
        institutions=len({d.institution_id for d in officers}),
        administrators=sum(d.capacity == Capacity.ADMINISTRATOR for d in approvals),
    )


def capacity_among(
    subject: Decided, actor: User, federated: Collection[Any], *, what: str, officers: str
) -> tuple[str, Institution | None]:
    """In which capacity, and for which institution, this person decides.

    Who is officer and administrator at once acts as an officer until the officers' part is complete.

    Parameters
    ----------
    federated : ids of the institutions whose officers decide
    what, officers : what is decided on, and who those officers are, in the words of a refusal

    Raises
    ------
    Forbidden
        If the actor made the request, or holds neither role.
    """
    if actor.id == subject.requested_by_id:
        raise Forbidden(_("You made this %(what)s; other people decide on it.") % {"what": _(what)})
    members = [membership for membership in actor.memberships.all() if membership.is_active]
    officer = [m.institution for m in members if m.role == Role.ETHICS_OFFICER and m.institution_id in federated]
    admin = [m.institution for m in members if m.role == Role.ADMINISTRATOR and m.institution_id in {None, *federated}]
    if officer and not (admin and standing_of(subject).quorum):
        return Capacity.OFFICER, officer[0]
    if admin:
        return Capacity.ADMINISTRATOR, admin[0]
    raise Forbidden(
        _("Ethics officers of %(officers)s decide, and then an administrator. You are signed in as: %(role)s.")
        % {"officers": _(officers), "role": ", ".join(map(_, actor.role_label.split(", ")))}
    )


def refuse_unsaid(decision: str, reason: str, choices: Collection[str] = Decision.values) -> None:
    """Refuse a decision that is none, or that gives no reason."""
    if decision not in choices:
        raise ApplicationError(
            _("Expected a decision among %(choices)s, got %(decision)s.")
            % {"choices": ", ".join(choices), "decision": f"{decision!r}"}
        )
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")


def refuse_again(subject: Decided, actor: User, *, what: str) -> None:
    """Refuse a second decision of one person."""
    if subject.decisions.filter(decided_by=actor).exists():
        raise Conflict(_("You have already decided on this %(what)s; a decision is never changed.") % {"what": _(what)})


def refuse_too_early(subject: Decided, decision: str, capacity: str) -> None:
    """Refuse the approval of an administrator before that of the officers; a rejection may come at any time."""
    standing = standing_of(subject)
    if decision == Decision.APPROVE and capacity == Capacity.ADMINISTRATOR and not standing.quorum:
        raise Conflict(
            _("The officers decide first. Still missing: %(what)s.") % {"what": "; ".join(standing.missing[:-1])}
        )
