"""The right to erasure (GDPR Art. 17): a person's key is shredded, and what stays says nothing about anybody.

Nothing is deleted from the ledger, its bodies or the governed tables, so every proof and every replay still holds; what
the person was called and wrote has become noise in all of them. Rights, sessions and the log of sign-ins go.

Decisions about medical devices are kept under legal duty (Art. 17(3)(b)), and their reasons are part of them: until the
retention period of a person's last decision is over, erasing the person is refused, with the day from which it can be
done. A refusal is the simplest rule that cannot be talked round; a second signature would only share the breach.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Institution, Membership, SignedIn, User
from accounts.signin import blind_name
from core import capture, vault
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.fields import SealedTextField
from core.pseudonyms import patient_forget
from core.roles import Role

_SALT_BYTES = 16


class Ground(models.TextChoices):
    """Why, by the letters of Art. 17(1). Chosen, never typed: it stands in clear in the ledger's body."""

    NOT_NEEDED = "a", "(a) no longer needed for its purpose"
    CONSENT_WITHDRAWN = "b", "(b) consent was withdrawn"
    OBJECTION = "c", "(c) the person objects"
    UNLAWFUL = "d", "(d) processed unlawfully"
    LEGAL_DUTY = "e", "(e) a law demands it"
    CHILD = "f", "(f) collected from a child"


@dataclass(frozen=True)
class Loss:
    """One kind of text that the person wrote, and that nobody can read any more afterwards."""

    what: str  # in words: "approval decision: reason"
    count: int  # rows that the person decided
    newest: dt.datetime


@dataclass(frozen=True)
class Receipt:
    """What an erasure leaves. `reference` stands in the ledger; with `salt` the person can show that it is theirs.

    The salt is kept nowhere: without the receipt nobody can tell whom an ERASURE entry was about.
    """

    reference: str  # SHA-256 over salt and identity
    salt: str
    forgotten: dict[str, int]  # what else was forgotten -> how many


Hook = Callable[[str], dict[str, int]]
_hooks: dict[str, list[Hook]] = {"person": [], "patient": []}


def when_erased(kind: str, hook: Hook) -> None:
    """Let a higher floor forget what it knows, in the transaction of the erasure.

    `kind` is "person" (the hook gets the user's id) or "patient" (it gets the pseudonym, which nobody can make again).
    The hook returns what it forgot, in words, and how many.
    """
    if hook not in _hooks[kind]:
        _hooks[kind].append(hook)


Codes = Callable[[Institution, str], Iterable[str]]
_codes: list[Codes] = []


def patients_filed_under(codes: Codes) -> None:
    """Let a higher floor, which knows sites and predictions, tell under which codes a hospital's patient is filed."""
    if codes not in _codes:
        _codes.append(codes)


Hold = Callable[[], str]
_holds: list[Hold] = []


def patients_held_by(hold: Hold) -> None:
    """Let a higher floor say what keeps the patients' data for the time being, in words, or nothing."""
    if hold not in _holds:
        _holds.append(hold)


# --- people --------------------------------------------------------------------------------------------------------


def losses(user: User) -> list[Loss]:
    """What nobody will be able to read any more, apart from name and address: by kind, newest first."""
    found = []
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if not isinstance(field, SealedTextField) or field.describes_itself or field.name.endswith("_salt"):
                continue  # name and address are always lost; a salt goes with what it opens
            rows = model._default_manager.filter(**{field.subject: user.pk})
            newest = rows.aggregate(newest=models.Max("created_at"), n=models.Count("pk"))
            if newest["n"]:
                found.append(Loss(f"{model._meta.verbose_name}: {field.verbose_name}", newest["n"], newest["newest"]))
    return sorted(found, key=lambda loss: loss.newest, reverse=True)


def held_until(found: list[Loss]) -> dt.datetime | None:
    """Until when the law keeps what this person decided; None if it keeps nothing."""
    if not found:
        return None
    until = max(loss.newest for loss in found) + dt.timedelta(days=settings.DECISION_RETENTION_DAYS)
    return until if until > timezone.now() else None


def may_erase(actor: User, user: User) -> bool:
    """Whether the actor administers every institution that the person belongs to, and is somebody else."""
    return actor.may("people.erase") and administers(actor, user)


def administers(actor: User, user: User) -> bool:
    """Whether the actor is administrator of all that the other person belongs to."""
    if actor.pk == user.pk:
        return False
    administered = {held.institution_id for held in actor.held if held.role == Role.ADMINISTRATOR}
    places = {held.institution_id for held in user.memberships.all()}
    return None in administered or (bool(places) and places <= administered)


def _administered(actor: User) -> models.QuerySet[Membership]:
    """Where the actor is an administrator: institutions, or (no institution) the platform."""
    return actor.memberships.filter(is_active=True, role=Role.ADMINISTRATOR)


def subject_erase(*, subject: User, actor: User, ground: str, confirm: str) -> Receipt:
    """Erase a person: shred the key, end rights and sessions, and say in the ledger that it was done.

    Parameters
    ----------
    ground : str
        A letter of Art. 17(1), see `Ground`.
    confirm : str
        The person's address, typed again.

    Raises
    ------
    Forbidden
        If the actor may not, or is the person.
    Conflict
        If the person was erased already, or decisions of theirs are kept under legal duty.
    """
    _check_ground(ground)
    if not may_erase(actor, subject):
        raise Forbidden("People are erased by another administrator of all their institutions, or of the platform.")
    with governed(action="person.erase", actor=actor.pk, reason=Ground(ground).label):
        user = User.objects.select_for_update().get(pk=subject.pk)
        if vault.erased(user.pk):
            raise Conflict("This person was erased already.")
        if confirm.strip().casefold() != user.email.strip().casefold():
            raise ApplicationError("The typed address is not this person's. Nothing was erased.")
        until = held_until(losses(user))
        if until is not None:
            raise Conflict(
                _(
                    "Decisions of this person are kept by law until %(until)s (GDPR Art. 17(3)(b)): with the key, "
                    "their reasons would be lost. Take the person's rights away instead; erase them from that day "
                    "on."
                )
                % {"until": date_format(until, "j F Y")}
            )
        forgotten = {"memberships ended": _end_rights(user), "sessions ended": _end_sessions(user.pk)}
        forgotten |= _forget_sign_ins(blind_name(user.email))
        for hook in _hooks["person"]:
            forgotten |= hook(str(user.pk))
        vault.shred(user.pk)
        return _recorded("person", str(user.pk), ground, forgotten)


def _end_rights(user: User) -> int:
    ended = user.memberships.filter(is_active=True).update(is_active=False)
    User.objects.filter(pk=user.pk).update(
        is_active=False, is_staff=False, is_superuser=False, password=make_password(None), email_index=None,
        last_login=None,
    )  # fmt: skip
    return ended


def _end_sessions(user_id: uuid.UUID) -> int:
    SignedIn.objects.filter(user_id=user_id).delete()
    mine = [session.pk for session in Session.objects.iterator() if _session_user(session) == str(user_id)]
    return Session.objects.filter(pk__in=mine).delete()[0]


def _session_user(session: Session) -> str | None:
    return session.get_decoded().get("_auth_user_id")


def _forget_sign_ins(name: str) -> dict[str, int]:
    from axes.models import AccessAttempt, AccessFailureLog, AccessLog

    gone = sum(
        model.objects.filter(username=name).delete()[0] for model in (AccessAttempt, AccessFailureLog, AccessLog)
    )
    return {"sign-ins forgotten": gone}


# --- patients ------------------------------------------------------------------------------------------------------


def hospitals_for(actor: User) -> models.QuerySet[Institution]:
    """The hospitals whose patients the actor may erase: those that they administer, or all as the platform's."""
    if not actor.may("people.erase"):
        return Institution.objects.none()
    administered = set(_administered(actor).values_list("institution", flat=True))
    return Institution.objects.all() if None in administered else Institution.objects.filter(pk__in=administered)


def hospital_named(slug: str, actor: User) -> Institution:
    """The hospital of this short name.

    Raises
    ------
    ApplicationError
        If there is none; those whose patients the actor may erase are named.
    """
    found = Institution.objects.filter(slug=slug).first()
    if found is None:
        names = ", ".join(hospitals_for(actor).order_by("slug").values_list("slug", flat=True))
        raise ApplicationError(
            _("There is no hospital of the short name %(slug)s; expected one of: %(names)s.")
            % {"slug": f"{slug!r}", "names": names or _("none")}
        )
    return found


def patients_held() -> str:
    """Why no patient is erased now, for the page and for whoever tries; empty if nothing keeps them."""
    said = next((said for hold in _holds if (said := hold())), "")
    return _("No patient is erased now: %(said)s (GDPR Art. 17(3)(e)).") % {"said": said} if said else ""


def patient_erase(*, institution: Institution, patient: str, actor: User, ground: str, confirm: str) -> Receipt:
    """Erase a patient of a hospital: nothing links the person to the predictions and outcomes that stay.

    Parameters
    ----------
    institution : Institution
        The hospital that asked for the predictions, at whichever of its sites; no other hospital's rows are touched.
    patient, confirm : str
        The number that the hospital sent as ``patient``, and the same typed again. It is not stored and not logged.

    Raises
    ------
    Forbidden
        If the actor administers neither the hospital nor the platform.
    Conflict
        If a legal hold keeps the data.
    ApplicationError
        If the platform knows no such patient; nothing was erased.
    """
    _check_ground(ground)
    if not hospitals_for(actor).filter(pk=institution.pk).exists():
        raise Forbidden("Patients are erased by an administrator of their hospital, or of the platform.")
    if patient != confirm:
        raise ApplicationError("The two numbers differ. Nothing was erased.")
    with governed(action="patient.erase", actor=actor.pk, reason=Ground(ground).label):
        if held := patients_held():
            raise Conflict(held)
        filed = {code for codes in _codes for code in codes(institution, patient)}
        pseudonyms = [name for code in sorted(filed) if (name := patient_forget(code, patient))]
        if not pseudonyms:
            raise ApplicationError(
                _("%(institution)s has sent no patient of this number. Nothing was erased.")
                % {"institution": institution}
            )
        forgotten: Counter[str] = Counter()
        for pseudonym in pseudonyms:
            for hook in _hooks["patient"]:
                forgotten.update(hook(pseudonym))
        return _recorded("patient", f"{institution.slug}\n{patient}", ground, forgotten)


# --- the entry -----------------------------------------------------------------------------------------------------


def reference_of(salt: str, identity: str) -> str:
    """What an ERASURE entry calls somebody: to be computed again by whoever holds the receipt, and by nobody else."""
    return hashlib.sha256(f"qfl-ethics/erasure/v1\n{salt}\n{identity}".encode()).hexdigest()


def _recorded(kind: str, identity: str, ground: str, forgotten: dict[str, int]) -> Receipt:
    salt = secrets.token_hex(_SALT_BYTES)
    reference = reference_of(salt, identity)
    capture.record(
        table="core_subjectkey" if kind == "person" else "core_patientkey", operation="ERASURE", object_id=reference,
        body={"kind": kind, "reference": reference, "ground": f"GDPR Art. 17(1)({ground})"},
    )  # fmt: skip
    return Receipt(reference, salt, {what: n for what, n in forgotten.items() if n})


def _check_ground(ground: str) -> None:
    if ground not in Ground.values:
        raise ApplicationError(
            _("Expected a letter of GDPR Art. 17(1) among %(values)s, got %(ground)s.")
            % {"values": ", ".join(Ground.values), "ground": f"{ground!r}"}
        )
