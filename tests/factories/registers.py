"""What the registers of data protection and of external findings list, and what people are invited by: one of each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from accounts import invitations, providers
from accounts.models import IdentityProvider
from audits.posthoc import samples
from audits.posthoc.models import AuditSample
from core.roles import Role
from models_registry.models import Model
from protection import assessments, breaches, requests
from protection.models import Breach, ImpactAssessment, SubjectRequest
from tests.factories.federation import World


@dataclass
class Registers:
    assessment: ImpactAssessment
    breach: Breach
    request: SubjectRequest
    sample: AuditSample
    provider: IdentityProvider


def make_registers(world: World, model: Model, number: int) -> Registers:
    people, now = world.people, timezone.now()
    invitations.invitation_send(
        actor=people.administrator, email=f"new{number}@test.example", name="New", institution=people.north,
        role=Role.CLINICIAN,
    )  # fmt: skip
    return Registers(
        assessment=ImpactAssessment.objects.filter(model=model).first()  # one draft a model
        or assessments.assessment_begin(model=model, actor=people.officer_north),
        breach=breaches.breach_open(
            institution=people.north, incident=None, nature="A list was sent to a stranger.",
            actor=people.officer_north, aware_at=now - dt.timedelta(hours=10), persons=None, personal_data=None,
            risk=None, high_risk=None, phi=None, processor=False,
        ),
        request=requests.request_record(
            institution=people.north, kind="access", reference=f"M-{number}", patient=f"mrn-{number}",
            text="By letter.", received_on=now.date(), actor=people.officer_north,
        ),
        sample=AuditSample.objects.first()  # one open sample an auditor
        or samples.sample_draw(kind="controls", wanted=20, words="headline", actor=people.external),
        provider=providers.provider_save(
            actor=people.administrator, institution=people.north, secret="s", slug=f"house-{number}",  # noqa: S106
            **PROVIDER,
        ),
    )  # fmt: skip


PROVIDER = {"name": "House", "issuer": "https://idp.test.example", "client_id": "qfl"}
