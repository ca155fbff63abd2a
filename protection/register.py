"""The record of processing (GDPR Art. 30): told from facts, completed by people, each revision kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from protection import facts
from protection.domain.texts import Activity, activities, note_fields
from protection.models import ProcessingNote
from protection.retention import InForce, in_force

MOST_TEXT = 5000


@dataclass(frozen=True)
class ActivityView:
    """An activity as one institution (none: the platform) records it.

    Attributes
    ----------
    note : ProcessingNote or None
        The institution's own; a field that it leaves empty is taken from the platform's.
    texts : dict
        Field -> what holds, own or the platform's.
    """

    activity: Activity
    institution: Institution | None
    note: ProcessingNote | None
    texts: dict[str, str]
    facts: list[tuple[str, facts.Lines]]
    retention: list[InForce]

    @property
    def written(self) -> list[tuple[str, str]]:
        """Label and text of each field that people complete."""
        return [(label, self.texts.get(field, "")) for field, label in note_fields().items()]

    @property
    def missing(self) -> list[str]:
        return [label for field, label in note_fields().items() if not self.texts.get(field)]

    @property
    def completed(self) -> int:
        return len(note_fields()) - len(self.missing)


def houses_of(user: Any) -> list[Institution | None]:
    """For whom this person keeps the record: the own institutions; the platform, if they belong to it."""
    own: list[Institution | None] = list(Institution.objects.filter(pk__in=user.institution_ids))
    return [*([None] if user.sees_all else []), *own]


def record_of(user: Any, institution: Institution | None) -> list[ActivityView]:
    """All activities, in a fixed number of queries."""
    newest: dict[tuple[str, Any], ProcessingNote] = {}
    houses = {None, institution.pk if institution else None}
    for note in ProcessingNote.objects.select_related("author").order_by("revision"):
        if note.institution_id in houses:
            newest[note.activity, note.institution_id] = note
    told = {name: of(user) for name, of in facts.FACTS.items()}
    kept = {rule.record.key: rule for rule in in_force()}
    found = []
    for activity in activities():
        own = newest.get((activity.key, institution.pk if institution else None))
        shared = newest.get((activity.key, None))
        texts = {
            field: (own.content.get(field) if own else "") or (shared.content.get(field, "") if shared else "")
            for field in note_fields()
        }
        found.append(
            ActivityView(
                activity, institution, own, texts,
                [(facts.TITLES[name], told[name]) for name in activity.facts],
                [kept[key] for key in activity.retention],
            )
        )  # fmt: skip
    return found


def note_save(
    *, activity: Activity, institution: Institution | None, revision: int, content: dict[str, str], actor: User
) -> ProcessingNote:
    """State what the platform cannot know of an activity.

    Parameters
    ----------
    revision : int
        The one that the person began from; 0 for the first.
    """
    if institution not in houses_of(actor):
        raise Forbidden("The record of processing is kept by people of the institution, and the platform's by its own.")
    for field, text in content.items():
        if len(text) > MOST_TEXT:
            raise ApplicationError(
                _("%(note_fields)s: expected at most %(most_text)s characters, got %(n)s.")
                % {"note_fields": note_fields()[field], "most_text": f"{MOST_TEXT:,}", "n": f"{len(text):,}"}
            )
    newest = ProcessingNote.objects.filter(activity=activity.key, institution=institution).first()
    told = Conflict(
        _(
            "Somebody saved this while you wrote: it is not revision %(revision)s any more. Nothing of "
            "yours was saved or lost: compare with the page, then save again."
        )
        % {"revision": revision}
    )
    if (newest.revision if newest else 0) != revision:
        raise told
    try:
        with transaction.atomic(), governed(action="processing.note", actor=actor.pk):
            return ProcessingNote.objects.create(
                activity=activity.key, institution=institution, revision=revision + 1, author=actor,
                content={field: content.get(field, "").strip() for field in note_fields()},
            )  # fmt: skip
    except IntegrityError as error:  # at the same moment
        raise told from error
