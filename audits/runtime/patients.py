"""Which stored predictions are a hospital's, and under which pseudonyms a patient of it stands there."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import Institution
from audits.runtime.models import Prediction
from core.pseudonyms import patient_known
from federation.models import Participant
from models_registry.models import Deployment


def own_rows(institution: Institution) -> Q:
    """Its rows alone: in another federation another hospital may go by one of its codes."""
    own = Q(pk__in=[])
    for federation, site in Participant.objects.filter(institution=institution).values_list("federation", "site"):
        deployments = Deployment.objects.filter(version__model__federation=federation)
        own |= Q(site=site, deployment_id__in=deployments.values("id"))
    return own


def pseudonyms_of(institution: Institution, patient: str) -> dict[str, str]:
    """Code -> pseudonym, of the codes under which the hospital's patient of this number is filed.

    Patients are found by the hospital's short name. Earlier they were found by the code of the site, which may be
    another hospital's name or code too: a pseudonym counts only if a row of this hospital bears it, or, under the
    hospital's own name, if none does any more.
    """
    codes = set(Participant.objects.filter(institution=institution).values_list("site", flat=True))
    found = {code: patient_known(code, patient) for code in sorted({institution.slug, *codes})}
    own = own_rows(institution)

    def is_own(code: str, pseudonym: str) -> bool:
        rows = Prediction.objects.filter(subject=pseudonym)
        return rows.filter(own).exists() or (code == institution.slug and not rows.exists())

    return {code: name for code, name in found.items() if name and is_own(code, name)}
