"""Whether a model's data protection impact assessment is in force: no deployment begins without (GDPR Art. 35(1))."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.context import governed
from models_registry.models import Assessment, Model, Version


def assessment_record(
    *, model: Model, source_id: uuid.UUID, edition: int, digest: str, in_force_until: dt.date
) -> Assessment:
    """Keep that an edition was signed. Recording the same again changes nothing."""
    with governed(action="assessment.record", reason=f"edition {edition}"):
        row, _ = Assessment.objects.get_or_create(
            source_id=source_id,
            defaults={"model": model, "edition": edition, "digest": digest, "in_force_until": in_force_until},
        )
        return row


def newest_assessment(version: Version) -> Assessment | None:
    """The newest signed edition, in force or not."""
    return Assessment.objects.filter(model_id=version.model_id).first()


def in_force(found: Assessment | None) -> bool:
    return found is not None and found.in_force_until >= timezone.now().date()


def lacks_assessment(version: Version) -> str:
    """What stands in the way of a deployment and what to do; empty if an assessment is in force."""
    return lacks_words(version, newest_assessment(version))


def lacks_words(version: Version, found: Assessment | None) -> str:
    if in_force(found):
        return ""
    if found is None:
        return _(
            "Nothing of %(model)s is deployed before the data protection impact assessment of it is signed (GDPR "
            "Art. 35): under Data protection › Impact assessments, where one person writes and an ethics officer signs."
        ) % {"model": version.model}
    return _(
        "Edition %(edition)s of the data protection impact assessment of %(model)s was due for review on %(day)s; "
        "until the next one is signed, nothing is deployed: under Data protection › Impact assessments, where one "
        "person writes and an ethics officer signs."
    ) % {"edition": found.edition, "model": version.model, "day": date_format(found.in_force_until, "j F Y")}
