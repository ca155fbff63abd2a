"""People who are invited: an account without a password, a role that waits, and a link under which the owner comes in.

Nobody makes an account of their own. An administrator invites an address to a role at their institution; whoever opens
the link, or is signed in by that institution's provider under that address, accepts. The role is ours, never a claim's.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from accounts.keys import institutions_of
from accounts.models import Institution, Invitation, Membership, User
from core import vault
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.roles import LABELS, Role

LIVES = timedelta(days=14)
PLATFORM_ROLES = (Role.ADMINISTRATOR, Role.AUDITOR)  # of no institution
INVITED_ROLES = tuple(role for role in Role if role != Role.EXTERNAL_AUDITOR)  # boards are invited to one version


def person_invite(*, email: str, name: str) -> User:
    """The person of this address; if there is none, a new account that nobody can sign in to yet.

    Called inside the transaction of what the person is invited to. Two invitations at one moment find one account.
    """
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise ApplicationError("Expected an email address.") from error
    found = User.objects.filter(email=address).first()
    if found is None:
        try:
            with transaction.atomic():
                made = User.objects.create_user(address, None, name=name)
                vault.ensure(made.pk)
            return made
        except IntegrityError:  # somebody else invited the same address a moment ago
            found = User.objects.get(email=address)
    if not found.is_active:
        raise ApplicationError("This account was closed; it cannot be invited.")
    return found


def activation_path(user: User) -> str:
    """Where the owner of a new account sets a password, once and for some days; empty if they have one.

    The link is a secret: whoever opens it first owns the account.
    """
    if user.has_usable_password():
        return ""
    uid = urlsafe_base64_encode(force_bytes(str(user.pk)))
    return reverse("account_activate", args=[uid, default_token_generator.make_token(user)])


def way_in(row: Invitation) -> str:
    """Where the invited person begins: at a password of their own, or at the sign-in."""
    return activation_path(row.user) or reverse("login")


def link_mail(row: Invitation, link: str) -> bool:
    """Mail the way in, where there is a mail server. Says whether it went out: if not, the link is handed over."""
    if not settings.EMAIL_HOST:
        return False
    words = f"{row.invited_by} invites you to QFL-ETHICS as {row}, until {row.expires_at:%d %b %Y}.\n\n{link}\n"
    try:
        EmailMessage("You are invited to QFL-ETHICS", words, to=[str(row.user.email)]).send()
    except OSError:
        return False
    return True


def of_institutions(actor: User) -> QuerySet[Invitation]:
    """The invitations that the actor may see and withdraw."""
    mine = Q(institution__in=institutions_of(actor))
    if actor.memberships.filter(is_active=True, role=Role.ADMINISTRATOR, institution=None).exists():
        mine |= Q(institution=None)
    return Invitation.objects.filter(mine).select_related("institution", "invited_by", "user")


def waiting_for(user: User) -> QuerySet[Invitation]:
    """What the person may accept."""
    return Invitation.objects.filter(
        user=user, accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now()
    ).select_related("institution", "invited_by")


def invitation_send(*, actor: User, email: str, name: str, institution: Institution | None, role: str) -> Invitation:
    """Invite an address to a role.

    Raises
    ------
    Forbidden
        If the actor does not administer that institution (or, without one, the platform).
    Conflict
        If the person holds that role already, or is invited to it.
    """
    _may_invite(actor, institution)
    if role not in INVITED_ROLES or (institution is None and role not in PLATFORM_ROLES):
        known = ", ".join(LABELS[r] for r in (INVITED_ROLES if institution else PLATFORM_ROLES))
        raise ApplicationError(_("Expected one of these roles: %(known)s.") % {"known": known})
    with governed(action="person.invite", actor=actor.pk):
        user = person_invite(email=email, name=name)
        User.objects.select_for_update().get(pk=user.pk)
        same = {"user": user, "institution": institution, "role": role}
        if Membership.objects.filter(**same, is_active=True).exists():
            raise Conflict("This person holds that role already.")
        _withdraw(
            Invitation.objects.filter(**same, accepted_at=None, withdrawn_at=None, expires_at__lte=timezone.now())
        )
        if waiting_for(user).filter(institution=institution, role=role).exists():
            raise Conflict("This person is invited to that role already. Withdraw that invitation to send another.")
        return Invitation.objects.create(**same, invited_by=actor, expires_at=timezone.now() + LIVES)


def invitation_withdraw(*, actor: User, invitation_id: uuid.UUID) -> Invitation:
    """Take an invitation back that was not accepted."""
    with governed(action="person.uninvite", actor=actor.pk):
        row = of_institutions(actor).select_for_update(of=("self",)).filter(pk=invitation_id).first()
        if row is None:
            raise NotFound("There is no such invitation.")
        if row.accepted_at is not None or row.withdrawn_at is not None:
            raise Conflict("This invitation was accepted or withdrawn already.")
        row.withdrawn_at = timezone.now()
        row.save(update_fields=["withdrawn_at"])
    return row


def invitations_accept(user: User, *, only: uuid.UUID | None = None, institution: Institution | None = None) -> int:
    """Give the person the roles that wait for them: all, one, or those of an institution. Returns how many."""
    with governed(action="person.accept", actor=user.pk):
        rows = waiting_for(user).select_for_update(of=("self",))
        if only is not None:
            rows = rows.filter(pk=only)
        if institution is not None:
            rows = rows.filter(institution=institution)
        accepted = list(rows)
        for row in accepted:
            Membership.objects.update_or_create(
                user=user, institution=row.institution, role=row.role, defaults={"is_active": True}
            )
            row.accepted_at = timezone.now()
            row.save(update_fields=["accepted_at"])
    return len(accepted)


def may_end(actor: User, held: Membership) -> bool:
    """Whether the actor may take this role away: whoever may give it, from anybody but themselves."""
    administered = {own.institution_id for own in actor.held if own.role == Role.ADMINISTRATOR}
    given_by_them = None in administered or held.institution_id in administered
    return actor.may("people.invite") and given_by_them and held.user_id != actor.pk and held.is_active


def membership_end(*, actor: User, membership_id: uuid.UUID) -> Membership:
    """Take a role away from a person, from this moment on. What they did in it stays.

    Raises
    ------
    NotFound
        If the actor sees no such role.
    Forbidden
        If the actor administers neither its institution nor the platform, or it is their own.
    Conflict
        If it was ended already.
    """
    with governed(action="person.end_role", actor=actor.pk):
        rows = Membership.objects.select_for_update()
        if not actor.sees_all:
            rows = rows.filter(user__in=User.objects.filter(memberships__institution__in=actor.institution_ids))
        row = rows.filter(pk=membership_id).first()
        if row is None:
            raise NotFound("There is no such role of a person.")
        if not row.is_active:
            raise Conflict("This role was ended already.")
        if not may_end(actor, row):
            raise Forbidden("A role is ended by another administrator of its institution, or of the platform.")
        row.is_active = False
        row.save(update_fields=["is_active"])
    return row


def _may_invite(actor: User, institution: Institution | None) -> None:
    of_platform = actor.memberships.filter(is_active=True, role=Role.ADMINISTRATOR, institution=None).exists()
    own = institution is not None and institutions_of(actor).filter(pk=institution.pk).exists()
    if not actor.may("people.invite") or not (of_platform or own):
        raise Forbidden("People are invited by an administrator of their institution, or of the platform.")


def _withdraw(rows: QuerySet[Invitation]) -> None:
    rows.update(withdrawn_at=timezone.now())
