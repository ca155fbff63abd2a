"""For which participant, and in which federation, a person answers."""

from __future__ import annotations

from django.http import Http404
from django.utils.translation import gettext as _

from accounts.models import User
from core.errors import ApplicationError, Forbidden
from federation.models import Federation, Participant


def own_participant(federation: Federation, user: User, action: str, *, site: str = "") -> Participant:
    """The participant at whose institution the person's role allows the action; of several, the one with this site.

    Raises
    ------
    Http404
        If none is the person's.
    ApplicationError
        If that is so at several of the federation's institutions, and none of their sites is named.
    """
    houses = [one for one in user.institution_ids if user.may_at(action, one)]
    own = federation.participants.filter(institution__in=houses).select_related("institution")
    found = list(own.filter(site=site) if site else own)
    if not found:
        raise Http404
    if len(found) > 1:
        raise ApplicationError(
            _("You belong to several hospitals of this federation (%(sites)s): say for which site you answer.")
            % {"sites": ", ".join(one.site for one in found)}
        )
    return found[0]


def require_part(federation: Federation, user: User, action: str) -> None:
    """The person's role for the action must be of the platform itself, or of an institution of this federation.

    Who is an auditor of the platform sees every federation; a role at some hospital outside it decides nothing here.

    Raises
    ------
    Forbidden
    """
    if user.may_at(action, None):
        return
    houses = federation.participants.filter(is_active=True).values_list("institution_id", flat=True)
    if not any(user.may_at(action, house) for house in houses):
        raise Forbidden(
            _("Your role for this is of an institution that has no part in %(federation)s. Ask one that has.")
            % {"federation": federation.name}
        )
