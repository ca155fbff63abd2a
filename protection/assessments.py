"""Impact assessments (GDPR Art. 35): drafted by people over the platform's facts, signed by another officer."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from federation.domain.messages import canonical
from models_registry.assessments import assessment_record
from models_registry.models import Model
from protection.domain.texts import missing, sections
from protection.facts import assessment_facts
from protection.models import ImpactAssessment

REVIEW_IN = dt.timedelta(days=365)
MOST_TEXT = 20_000
State = ImpactAssessment.State


@dataclass(frozen=True)
class ModelView:
    """A model, with its newest assessments."""

    model: Model
    draft: ImpactAssessment | None
    signed: ImpactAssessment | None

    @property
    def needs_one(self) -> bool:
        return self.draft is None and self.signed is None

    @property
    def overdue(self) -> bool:
        return self.signed is not None and (self.signed.review_on or timezone.now().date()) < timezone.now().date()


def models_of(user: Any) -> list[ModelView]:
    """Every model that the person sees, in two queries."""
    newest: dict[tuple[Any, str], ImpactAssessment] = {}
    for row in ImpactAssessment.objects.for_user(user).select_related("written_by", "signed_by").order_by("edition"):
        newest[row.model_id, row.state] = row
    models = Model.objects.for_user(user).select_related("federation").order_by("name")
    return [ModelView(m, newest.get((m.pk, State.DRAFT)), newest.get((m.pk, State.SIGNED))) for m in models]


def assessment_begin(*, model: Model, actor: User) -> ImpactAssessment:
    """A new edition, which begins with the texts of the last one."""
    last = ImpactAssessment.objects.filter(model=model).first()
    if last is not None and last.state == State.DRAFT:
        raise Conflict("A draft of this model's assessment is there already. Go on with it.")
    try:
        with transaction.atomic(), governed(action="assessment.begin", actor=actor.pk):
            return ImpactAssessment.objects.create(
                model=model, edition=last.edition + 1 if last else 1, sections=last.sections if last else {},
                written_by=actor,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("Somebody began a draft at the same moment. Go on with that one.") from error


def assessment_save(
    *, assessment: ImpactAssessment, revision: int, texts: dict[str, str], actor: User
) -> ImpactAssessment:
    """Save the sections of a draft; a person who saves has written, and does not sign."""
    for section in sections():
        if len(texts.get(section.key, "")) > MOST_TEXT:
            raise ApplicationError(
                _("%(section)s: expected at most %(most_text)s characters.")
                % {"section": section.title, "most_text": f"{MOST_TEXT:,}"}
            )
    with governed(action="assessment.save", actor=actor.pk):
        row = _draft(assessment)
        if row.revision != revision:
            raise Conflict(
                _(
                    "Somebody saved this draft while you wrote: revision %(revision)s now, you began from "
                    "%(revision_2)s. Nothing of yours was saved or lost: compare with the page, then save again."
                )
                % {"revision": row.revision, "revision_2": revision}
            )
        row.sections = {section.key: texts.get(section.key, "").strip() for section in sections()}
        row.written_by, row.revision = actor, row.revision + 1
        row.save(update_fields=["sections", "written_by", "revision"])
        return row


def assessment_sign(*, assessment: ImpactAssessment, revision: int, actor: User) -> ImpactAssessment:
    """Sign a complete draft. The facts of this moment become part of it, and nothing of it changes any more.

    Raises
    ------
    Forbidden
        If the actor wrote the last draft.
    Conflict
        If sections are missing, or the draft was changed since it was read.
    """
    with governed(action="assessment.sign", actor=actor.pk):
        row = _draft(assessment)
        if row.written_by_id == actor.pk:
            raise Forbidden(
                "Who wrote the last draft does not sign it; another officer, or the data protection officer, does."
            )
        if row.revision != revision:
            raise Conflict("The draft was changed since you read it. Read it again, then sign.")
        if lacking := missing(row.sections):
            raise Conflict(
                _("Not complete: %(lacking)s.") % {"lacking": ", ".join(section.title for section in lacking)}
            )
        now = timezone.now()
        row.facts = assessment_facts(row.model)
        row.state, row.signed_by, row.signed_at = State.SIGNED, actor, now
        row.review_on, row.digest = now.date() + REVIEW_IN, content_digest(row)
        row.save(update_fields=["facts", "state", "signed_by", "signed_at", "review_on", "digest"])
        assessment_record(
            model=row.model, source_id=row.pk, edition=row.edition, digest=row.digest, in_force_until=row.review_on
        )  # fmt: skip
        return row


def facts_of(assessment: ImpactAssessment) -> dict[str, list[str]]:
    """As signed; of a draft, as they are now."""
    return assessment.facts if assessment.state == State.SIGNED else assessment_facts(assessment.model)


def content_of(assessment: ImpactAssessment) -> dict[str, Any]:
    """What the digest is over, and what the PDF carries as JSON."""
    return {
        "format": "qfl-ethics.impact-assessment/v1", "model": str(assessment.model_id), "edition": assessment.edition,
        "sections": assessment.sections, "facts": facts_of(assessment) if not assessment.facts else assessment.facts,
    }  # fmt: skip


def content_digest(assessment: ImpactAssessment) -> str:
    return hashlib.sha256(canonical(content_of(assessment))).hexdigest()


def _draft(assessment: ImpactAssessment) -> ImpactAssessment:
    row = ImpactAssessment.objects.select_for_update(of=("self",)).select_related("model__federation").get(
        pk=assessment.pk
    )  # fmt: skip
    if row.state != State.DRAFT:
        raise Conflict("This edition is signed and stays as it is. Begin a new one.")
    return row
