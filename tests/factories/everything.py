"""One of each thing that the API can be asked about, so that an address of the description leads somewhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from accounts import emergency, invitations, providers, views_saved
from accounts.inbox import people_tell
from accounts.models import ApiKey
from audits.posthoc import boards, risks, samples
from audits.posthoc import services as reporting
from audits.posthoc.models import Report
from audits.predeployment import services as auditing
from audits.predeployment.models import AuditPolicy
from audits.runtime import services as runtime
from audits.runtime.models import Incident
from core.roles import MATRIX, Role
from federation.models import SitePass
from models_registry.models import Model
from protection import assessments, breaches, requests, retention
from provenance import checkpoints, sequencing
from tests.factories.federation import World, make_federation, make_run
from tests.factories.people import People, make_people
from tests.factories.registry import make_deployment, make_request, make_version

PERSON_OF = {
    Role.ADMINISTRATOR: "administrator", Role.ETHICS_OFFICER: "officer_north", Role.AUDITOR: "auditor",
    Role.SITE_OPERATOR: "operator_north", Role.CLINICIAN: "clinician", Role.EXTERNAL_AUDITOR: "external",
}  # fmt: skip


@dataclass
class Everything:
    world: World
    known: dict[tuple[str, str], Any] = field(default_factory=dict)  # section and name -> a value that exists

    @property
    def people(self) -> People:
        return self.world.people

    def path_parameters(self, path: str, names: list[str]) -> dict[str, Any]:
        """Values that exist, for as many of the names as possible."""
        section = path.split("/")[3]
        found = {name: self.known.get((section, name), self.known.get(("", name))) for name in names}
        return {name: value for name, value in found.items() if value is not None}


def make_everything() -> Everything:
    made = Everything(make_federation(make_people()))
    people, known = made.people, made.known
    run, request = make_run(made.world), make_request(made.world)
    deployment, other = make_deployment(made.world), make_deployment(made.world, name="Other ward")
    halt = runtime.deployment_halt(deployment=other, reason="A rehearsal.", actor=people.officer_north)
    version = deployment.version
    audit = auditing.audit_start(version=make_version(made.world), actor=people.administrator)
    known |= {
        ("", "federation_id"): made.world.federation.id, ("", "run_id"): run.id, ("", "version_id"): version.id,
        ("", "deployment_id"): deployment.id, ("", "edition"): version.cards.latest("edition").edition,
        ("models", "id"): version.model_id, ("versions", "id"): version.id, ("audits", "id"): audit.id,
        ("approval-requests", "id"): request.id, ("deployments", "id"): deployment.id,
        ("audit-policies", "id"): AuditPolicy.objects.values_list("id", flat=True).first(),
        ("people", "user_id"): people.clinician.id, ("", "key"): "hipaa", ("", "control"): "308-a-5",
        ("", "seq"): 0, ("", "object_id"): str(version.id), ("", "batch_id"): halt.id, ("", "index"): 0,
    }  # fmt: skip
    incident = Incident.objects.filter(halt=halt).first()
    known[("incidents", "incident_id")] = incident.id if incident else None
    _make_reviews(made)
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)
    return made


def _make_reviews(made: Everything) -> None:
    people, known, today = made.people, made.known, timezone.now().date()
    review = boards.review_convene(
        month=today, board="Independent board", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    boards.conflict_declare(review=review, conflict="", actor=people.auditor)
    finding = boards.finding_add(
        review=review, severity="minor", text="The card names no limits.", owner=people.administrator,
        due_on=today + dt.timedelta(days=30), actor=people.auditor,
    )  # fmt: skip
    month = today.replace(day=1) - dt.timedelta(days=1)
    report = reporting.report_create(
        period_start=month.replace(day=1), period_end=month, kind=Report.Kind.CUSTOM, institution=None, reason="",
        actor=people.auditor,
    )  # fmt: skip
    risk = risks.risk_save(
        risk=None, revision=0, actor=people.officer_north, version=None, hazard="Wrong side", situation="Mirrored",
        harm="Delay", severity_before=3, probability_before=2, measures="", severity_after=None, probability_after=None,
        controls=[], checks=[], state="open", rationale="", owner=people.officer_north,
        review_on=today + dt.timedelta(days=90),
    )  # fmt: skip
    known |= {
        ("", "review_id"): review.id, ("", "finding_id"): finding.id, ("", "report_id"): report.id,
        ("", "risk_id"): risk.id,
    }  # fmt: skip


def key_of(role: Role, people: People) -> str:
    """A key that may all that the role may; more than the platform gives a machine."""
    _, secret = ApiKey.issue(
        name=f"as {role}", institution=people.north, issued_by=people.administrator,
        actions=sorted(action for action, roles in MATRIX.items() if role in roles),
        expires_at=timezone.now() + dt.timedelta(days=1),
    )  # fmt: skip
    return secret


def add_the_rest(made: Everything) -> None:
    """One of each thing of data protection, identity and a person's own, besides."""
    people, known, officer = made.people, made.known, made.people.officer_north
    model = Model.objects.get(id=known["models", "id"])
    now = timezone.now()
    facts = dict.fromkeys(("persons", "personal_data", "risk", "high_risk", "phi"))
    request = requests.request_record(
        institution=people.north, kind="access", reference="M-1", patient="mrn-1", text="", received_on=now.date(),
        actor=officer,
    )  # fmt: skip
    breach = breaches.breach_open(
        institution=people.north, incident=None, nature="A laptop was lost.", aware_at=now, processor=False,
        actor=officer, **facts,
    )  # fmt: skip
    hold = retention.hold_place(record=None, ends_on=now.date(), reason="A matter in court.", actor=officer)
    known |= {
        ("protection", "assessment_id"): assessments.assessment_begin(model=model, actor=officer).id,
        ("protection", "request_id"): requests.identity_confirm(request=request, text="Seen.", actor=officer).id,
        ("protection", "breach_id"): breach.id, ("protection", "hold_id"): hold.id, ("protection", "key"): "training",
    }  # fmt: skip
    sample = samples.sample_draw(kind="controls", wanted=40, words="dice", actor=people.external)
    known |= {("samples", "sample_id"): sample.id, ("samples", "item_id"): sample.items.first().id}
    _make_own(made)


def _make_own(made: Everything) -> None:
    people, known = made.people, made.known
    access = emergency.emergency_request(
        actor=people.clinician, institution=people.north, reason="Lesions are missed at night.", session={}
    )
    invited = invitations.invitation_send(
        actor=people.administrator, email=str(people.officer_north.email), name="O", institution=people.north,
        role=Role.CLINICIAN,
    )  # fmt: skip
    provider = providers.provider_save(
        actor=people.administrator, institution=people.north, slug="north", name="North", client_id="qfl",
        issuer="https://login.north.example",
    )  # fmt: skip
    people_tell(users=[people.administrator.id], kind="work", key="k", title="A job gave up")
    view = views_saved.view_save(user=people.administrator, name="Open", path="/incidents/", query="", share=False)
    site = SitePass.objects.create(
        participant=made.world.federation.participants.get(site="north"), kind=SitePass.Kind.FLARE,
        fingerprint="f" * 64, not_after=timezone.now() + dt.timedelta(days=9),
    )  # fmt: skip
    known |= {
        ("emergencies", "access_id"): access.id, ("people", "invitation_id"): invited.id,
        ("me", "invitation_id"): invited.id, ("identity-providers", "provider_id"): provider.id,
        ("me", "message_id"): people.administrator.inbox.get(key="k").id, ("me", "view_id"): view.id,
        ("site-passes", "pass_id"): site.id,
    }  # fmt: skip
