"""Contesting a prediction, and a person's decision on it (GDPR Art. 22(3)). Each call is one governed transaction."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import replace

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Institution, User
from audits.runtime.admission import admit
from audits.runtime.cases import case_columns, outcome_of, prediction_named
from audits.runtime.ingest import outcomes_create
from audits.runtime.models import Appeal, Batch, Prediction, Review
from audits.runtime.models_appeals import today
from audits.runtime.rows import Body
from audits.runtime.services import checked_reason as readable
from core import events
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from core.spoken import inside
from federation.models import Participant
from models_registry.models import ApprovalRequest, Deployment
from models_registry.policies import APPEAL_DAYS

State, Outcomes, Feedback = Appeal.State, Appeal.Outcome, Appeal.Feedback


def appeal_file(*, deployment: Deployment, event_key: str, contested_by: str, grounds: str, actor: User) -> Appeal:
    """Contest a prediction of the actor's own site.

    Parameters
    ----------
    event_key : str
        The site's name of the case. Kept sealed until the case is decided on and the patient erased: whoever decides
        must find the patient.
    contested_by : str
        Of `Appeal.Contester`: for whom it is filed.

    Raises
    ------
    NotFound
        If the site has no prediction of this name.
    Forbidden
        If the actor is neither a clinician nor an ethics officer of the site.
    Conflict
        If the case is contested already, or its answer was withheld (a shadow deployment).
    """
    if contested_by not in Appeal.Contester.values:
        raise ApplicationError(
            _("Expected contested_by among %(values)s; got %(contested_by)s.")
            % {"values": ", ".join(Appeal.Contester.values), "contested_by": f"{contested_by!r}"}
        )
    grounds = readable(grounds)
    prediction = prediction_named(deployment, event_key, actor)
    if deployment.kind == ApprovalRequest.Kind.SHADOW:
        raise Conflict(
            _("%(deployment)s is a shadow deployment: its answer was withheld and decided nothing.")
            % {"deployment": deployment}
        )
    institution = _institution(deployment, prediction.site)
    _refuse_stranger(actor, institution, gettext_noop("contest a prediction of"))
    with governed(action="appeal.file", actor=actor.id, reason=grounds):
        batch = Batch.objects.select_for_update(no_key=True).get(id=prediction.batch_id)  # one at a time for a case
        if Appeal.objects.filter(deployment=deployment, event_key=prediction.event_key).exclude(
            state=State.DECIDED
        ).exists():  # fmt: skip
            raise Conflict("This prediction is contested already, and the appeal is not decided yet.")
        made = Appeal.objects.create(
            **case_columns(prediction), institution=institution, requested_by=batch.caller_id, case_name=event_key,
            contested_by=contested_by, filed_by=actor, grounds=grounds,
            due_on=today() + dt.timedelta(days=deployment.policy.get("appeal_days", APPEAL_DAYS)),
        )  # fmt: skip
        events.emit("appeal.filed", {"appeal": str(made.id)})
        return made


def appeal_take(*, appeal: Appeal, actor: User) -> Appeal:
    """Take an open appeal under review.

    Raises
    ------
    Forbidden
        If the actor may not decide it (see `appeal_decide`).
    Conflict
        If it is not open.
    """
    with governed(action="appeal.take", actor=actor.id):
        appeal = _lock(appeal)
        _refuse_dependent(appeal, actor)
        _refuse_from(appeal, State.UNDER_REVIEW)
        appeal.state, appeal.taken_by, appeal.taken_at = State.UNDER_REVIEW, actor, timezone.now()
        appeal.save(update_fields=["state", "taken_by", "taken_at"])
    return appeal


def appeal_decide(
    *, appeal: Appeal, outcome: str, reason: str, actor: User, label: int | None = None, mask: str | None = None
) -> Appeal:
    """Decide an appeal that is under review. What turned out to be true, if it is given, becomes the case's outcome.

    Parameters
    ----------
    outcome : str
        "upheld" (the contested answer stands) or "changed".
    label : 0, 1 or None
        Classification: what turned out to be true; None if it is not known.
    mask : str or None
        Segmentation: the corrected mask, as the outcomes' API takes it.

    Raises
    ------
    Forbidden
        If the actor is neither a clinician nor an ethics officer of the site, filed the appeal, or made the contested
        decision: asked for the prediction, or reviewed it.
    Conflict
        If the appeal is not under review, or the label says otherwise than the outcome.
    """
    if outcome not in (Outcomes.UPHELD, Outcomes.CHANGED):
        raise ApplicationError(
            _("Expected an outcome among %(upheld)s, %(changed)s; got %(outcome)s.")
            % {"upheld": Outcomes.UPHELD, "changed": Outcomes.CHANGED, "outcome": f"{outcome!r}"}
        )
    reason = readable(reason)
    with governed(action=f"appeal.{outcome}", actor=actor.id, reason=reason):
        appeal = _lock(appeal)
        _refuse_dependent(appeal, actor)
        _refuse_from(appeal, State.DECIDED)
        if appeal.state != State.UNDER_REVIEW:
            raise Conflict("This appeal is open. Take it under review before you decide it.")
        _refuse_contradiction(appeal, outcome, label)
        feedback = _feed_back(appeal, label, mask, actor)
        return _close(appeal, outcome, reason, actor, feedback)


def appeal_withdraw(*, appeal: Appeal, reason: str, actor: User) -> Appeal:
    """Take an appeal back: whoever filed it, until it is decided."""
    reason = readable(reason)
    with governed(action="appeal.withdraw", actor=actor.id, reason=reason):
        appeal = _lock(appeal)
        if appeal.filed_by_id != actor.id:
            raise Forbidden("Only the person who filed an appeal withdraws it.")
        _refuse_from(appeal, State.DECIDED)
        return _close(appeal, Outcomes.WITHDRAWN, reason, actor, Feedback.NONE)


def why_not(appeal: Appeal, actor: User) -> str:
    """Why this person cannot decide this appeal, now or later; empty if they can."""
    try:
        _refuse_dependent(appeal, actor)
    except Forbidden as error:
        return error.message
    return ""


def waiting_for(user: User, most: int = 10) -> list[Appeal]:
    """The appeals that this person could decide now, the most urgent first."""
    queue = Appeal.objects.for_user(user).exclude(state=State.DECIDED).select_related("deployment", "institution")
    return list(queue.independent_of(user).queue(today())[:most])


def prediction_of(appeal: Appeal) -> Prediction:
    return Prediction.objects.get(
        received_at=appeal.predicted_at, deployment_id=appeal.deployment_id, event_key=appeal.event_key
    )


def reviewers(appeal: Appeal) -> set[uuid.UUID]:
    """Who decided on the contested prediction: people, or the keys of clinical systems."""
    mine = Review.objects.filter(deployment_id=appeal.deployment_id, event_key=appeal.event_key)
    return set(mine.values_list("recorded_by", flat=True))


def case_names_forget(pseudonym: str) -> int:
    """Empty the names of an erased patient's contested cases; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audits_runtime_appeal a SET case_name = '' FROM runtime_prediction p WHERE p.subject = %s "
            "AND a.case_name <> '' AND p.received_at = a.predicted_at AND p.deployment_id = a.deployment_id "
            "AND p.event_key = a.event_key",
            [pseudonym],
        )
        return cursor.rowcount


def _feed_back(appeal: Appeal, label: int | None, mask: str | None, actor: User) -> str:
    """Tell the case's outcome by the way that all outcomes come, unless it has one."""
    if label is None and not mask:
        return Feedback.NONE
    if outcome_of(prediction_of(appeal)) is not None:
        return Feedback.EARLIER
    if not appeal.case_name:
        raise Conflict("The patient of this case was erased, so no outcome can be told. Decide without a label.")
    told = {"mask": mask} if mask else {"label": label}
    body = json.dumps({"records": [{"event_key": str(appeal.case_name), **told}]}).encode()
    # Also of a patient whose data are restricted: to contest is a legal claim (GDPR Art. 18(2)).
    sender = replace(admit(appeal.deployment_id, actor), restricts=False)
    outcomes_create(sender=sender, body=Body(body), idempotency_key=None)
    return Feedback.TOLD


def _close(appeal: Appeal, outcome: str, reason: str, actor: User, feedback: str) -> Appeal:
    appeal.state, appeal.outcome, appeal.feedback = State.DECIDED, outcome, feedback
    appeal.decided_by, appeal.decided_at, appeal.reason = actor, timezone.now(), reason
    appeal.save(update_fields=["state", "outcome", "feedback", "decided_by", "decided_at", "reason"])
    return appeal


def _lock(appeal: Appeal) -> Appeal:
    rows = Appeal.objects.select_for_update(of=("self",))
    return rows.select_related("deployment__version__model", "institution").get(id=appeal.id)


def _refuse_from(appeal: Appeal, target: Appeal.State) -> None:
    if target not in Appeal.TRANSITIONS.get(State(appeal.state), set()):
        raise Conflict(
            _("This appeal is %(state)s, so it cannot become %(target)s.")
            % {"state": inside(State(appeal.state).label), "target": inside(target.label)}
        )


def _refuse_contradiction(appeal: Appeal, outcome: str, label: int | None) -> None:
    """An answer that turned out right is upheld, a wrong one is changed: the label and the decision say the same."""
    if label is None:
        return
    right = bool(label) == appeal.flagged
    if right != (outcome == Outcomes.UPHELD):
        said, was = (_("ill") if appeal.flagged else _("not ill")), (_("ill") if label else _("not ill"))
        raise Conflict(
            _("The model said %(said)s and the label says %(was)s, which does not go with %(outcome)s.")
            % {"said": said, "was": was, "outcome": f"{outcome!r}"}
        )


def _refuse_dependent(appeal: Appeal, actor: User) -> None:
    _refuse_stranger(actor, appeal.institution, gettext_noop("decide an appeal of"))
    if actor.id == appeal.filed_by_id:
        raise Forbidden("You filed this appeal; somebody else decides it.")
    if actor.id == appeal.requested_by:
        raise Forbidden("You asked for the contested prediction; somebody else decides about it.")
    if actor.id in reviewers(appeal):
        raise Forbidden("You decided on the contested prediction when you reviewed it; somebody else decides now.")


def _refuse_stranger(actor: User, institution: Institution, what: str) -> None:
    member = isinstance(actor, User) and actor.memberships.filter(
        institution=institution, role__in=[Role.CLINICIAN, Role.ETHICS_OFFICER], is_active=True
    ).exists()  # fmt: skip
    if not member:
        raise Forbidden(
            _("Only a clinician or an ethics officer of %(institution)s may %(what)s it.")
            % {"institution": institution, "what": _(what)}
        )


def _institution(deployment: Deployment, site: str) -> Institution:
    return Participant.objects.select_related("institution").get(
        federation_id=deployment.version.model.federation_id, site=site
    ).institution  # fmt: skip
