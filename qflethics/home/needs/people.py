"""Needs about people: lost devices, emergency access, and one's own account."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts import emergency, factors, invitations
from accounts.factors import open_resets
from accounts.models import User
from qflethics.home.needs.base import Need, link


def lost_devices(user: User) -> Iterator[Need]:
    """Second factors to be reset, to the administrators who did not ask for it themselves."""
    for reset in open_resets(user):
        if reset.requested_by_id != user.pk:
            told = {"who": reset.requested_by, "day": f"{reset.expires_at:%-d %b %Y, %H:%M}"}
            yield Need(
                title=_("A lost device: %(person)s") % {"person": reset.user},
                detail=_(
                    "%(who)s asks that the second factor is reset; a second administrator is needed until %(day)s UTC."
                )
                % told,
                url=link("account"), tone="warn", since=reset.created_at,
            )  # fmt: skip


def emergencies(user: User) -> Iterator[Need]:
    """Emergency access: to confirm within minutes, to know of while it is on, to judge afterwards by a day."""
    found = emergency.open_for(user)
    for row in found.to_confirm:
        told = {"where": row.institution, "until": f"{row.confirm_until:%H:%M}", "reason": row.reason}
        yield Need(
            title=_("%(who)s asks for emergency access: confirm it?") % {"who": row.requested_by},
            detail=_("%(where)s, until %(until)s UTC: %(reason)s") % told,
            url=link("emergencies"), tone="halt", since=row.created_at,
        )  # fmt: skip
    for row in found.running:
        told = {"who": row.requested_by, "other": row.confirmed_by, "until": f"{row.ends_at:%H:%M}"}
        yield Need(
            title=_("Emergency access is on at %(where)s") % {"where": row.institution},
            detail=_("%(who)s, confirmed by %(other)s, until %(until)s UTC.") % told,
            url=link("emergencies"), tone="warn", since=row.created_at,
        )  # fmt: skip
    for row in found.to_review:
        late = _("Emergency access at %(where)s: your judgement is overdue")
        title = late if row.review_overdue else _("Emergency access at %(where)s: your judgement is asked")
        told = {
            "who": row.requested_by, "on": f"{row.confirmed_at:%-d %b %Y}", "day": f"{row.review_due_on:%-d %b %Y}"
        }  # fmt: skip
        yield Need(
            title=title % {"where": row.institution},
            detail=_("%(who)s had it on %(on)s. Say by %(day)s whether it was right.") % told,
            url=link("emergencies"), tone="fail" if row.review_overdue else "warn", since=row.created_at,
        )  # fmt: skip


def own_account(user: User) -> Iterator[Need]:
    """Roles that wait to be accepted, and recovery codes that nobody has looked at yet."""
    for invitation in invitations.waiting_for(user):
        yield Need(
            title=_("You are invited: %(invitation)s") % {"invitation": invitation},
            detail=_("Accept it until %(day)s.") % {"day": f"{invitation.expires_at:%-d %b %Y}"},
            url=link("account"), tone="info", since=invitation.created_at,
        )  # fmt: skip
    codes = factors.recovery_codes_of(user)
    if codes is not None and not codes.wrap().did_view:
        yield Need(
            title=_("Recovery codes wait for you"),
            detail=_("They are shown once. Keep them for the day a device is lost."),
            url=link("mfa_view_recovery_codes"), tone="info", since=codes.created_at,
        )  # fmt: skip
