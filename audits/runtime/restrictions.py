"""What a restriction of processing stops: new predictions, and whatever is told of the patient's cases.

GDPR Art. 18(2) leaves the storage and nothing else, but for the person's consent, legal claims, others' rights and
public interest. So what is stored stays, and nothing is added to it or counted anew (docs/design/data-protection.md).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from accounts.models import Institution
from audits.runtime.models_restrictions import Restriction
from audits.runtime.records import BadRecords, PredictionIn, Refusals
from audits.runtime.scope import RESTRICTION, refusals_count
from core.pseudonyms import blind, blind_all
from models_registry.models import Deployment


class Restricted(BadRecords):
    """Some records are of patients whose data are only stored; nothing of the request was processed."""

    code = "processing_restricted"


def restriction_place(*, request: uuid.UUID, institution: Institution, patient: str, subjects: Sequence[str]) -> None:
    """From now on the institution's patient of this number is refused. Placing it again changes nothing."""
    Restriction.objects.get_or_create(
        request=request,
        defaults={
            "institution": institution, "patient": blind("restriction", f"{institution.pk}\n{patient}"),
            "subjects": list(subjects),
        },
    )  # fmt: skip


def restrictions_lift(requests: Iterable[uuid.UUID]) -> None:
    Restriction.objects.filter(request__in=list(requests)).delete()


def restricted_places(federation_id: uuid.UUID, site: str, patients: Sequence[str]) -> list[int]:
    """Places of the patients who are under a restriction at the institution behind the site."""
    standing = Restriction.objects.at(federation_id, site)
    found: set[int] = set()
    for institution in standing.values_list("institution", flat=True).distinct():
        named = blind_all("restriction", [f"{institution}\n{patient}" for patient in patients])
        hit = set(standing.filter(patient__in=set(named)).values_list("patient", flat=True))
        found.update(place for place, index in enumerate(named) if index in hit)
    return sorted(found)


def restricted_subjects(federation_id: uuid.UUID, site: str) -> frozenset[str]:
    """Pseudonyms, in stored rows of the site, of patients who are under a restriction there."""
    lists = Restriction.objects.at(federation_id, site).values_list("subjects", flat=True)
    return frozenset(subject for subjects in lists for subject in subjects)


def refuse_restricted(deployment: Deployment, site: str, records: Sequence[PredictionIn]) -> None:
    """Refuse to predict on such patients, naming their records; how many were refused is counted by site."""
    federation = deployment.version.model.federation_id
    places = restricted_places(federation, site, [str(record.patient) for record in records])
    if not places:
        return
    words, refusals = words_at(federation, site), Refusals()
    for place in places:
        refusals.add(place, "patient", words, records[place].event_key)
    refusals_count(deployment, site, {RESTRICTION: len(places)})
    refusals.raise_if_any(Restricted)


def words_at(federation_id: uuid.UUID, site: str) -> str:
    """Why a case is refused, and whom to ask."""
    institution = Institution.objects.filter(
        participations__federation_id=federation_id, participations__site=site
    ).first()
    return (
        "the processing of this patient's data is restricted: what is stored stays, and nothing else is done with it "
        f"(GDPR Art. 18). Leave the case out and ask an ethics officer of {institution}, where the patient's request "
        "is kept"
    )
