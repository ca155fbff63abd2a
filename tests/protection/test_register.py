"""The record of processing and impact assessments: facts told by the platform, words by people, signed by another."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from audits.posthoc import mapping
from audits.posthoc.evidence import findings
from core.errors import Conflict, Forbidden
from federation.agreements import agreement_record
from models_registry.models import Assessment
from protection import assessments, register
from protection.domain.texts import activities, missing, note_fields, sections
from protection.models import Backup, ImpactAssessment, ProcessingNote
from tests.factories.people import PASSWORD
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
TEXTS = {section.key: f"{section.title}: " + "reasons " * 20 for section in sections()}


@pytest.fixture
def deployment(world):
    agreement_record(
        participant=world.participants["north"], role="controller", liability="For its own patients.",
        contact="Office", signed_on=timezone.now().date(), document_hash="ab" * 32, actor=world.people.administrator,
    )  # fmt: skip
    return make_deployment(world)


def test_the_record_tells_facts_and_asks_people_for_the_rest(world, deployment, client_of):
    people = world.people
    client = client_of(people.administrator)
    page = client.get(reverse("processing_record")).content.decode()
    for shown in (
        "Training of models across hospitals", "Hospital north: Controller", "Hospital south: no agreement on record",
        "Test data, 10,000 patients", "Ward: Clinical use", "not stated yet", "#agreements", "Log of sign-ins: 6 years",
    ):  # fmt: skip
        assert shown in page, shown
    where = reverse("processing_note", args=["prediction"])
    body = {"revision": 0, "controller": "Each hospital", "legal_basis": "Art. 6(1)(e), 9(2)(h)"}
    assert client.post(where, body).status_code == 302
    late = client.post(where, {**body, "controller": "Somebody else typed this"})
    assert late.status_code == 400
    assert "Somebody saved this while you wrote" in late.content.decode()
    assert "Somebody else typed this" in late.content.decode()
    officer = client_of(people.officer_north)
    own = f"{where}?house={people.north.pk}"
    assert officer.post(own, {"revision": 0, "controller": "Hospital north alone"}).status_code == 302
    (view,) = [v for v in register.record_of(people.officer_north, people.north) if v.activity.key == "prediction"]
    assert view.texts["controller"] == "Hospital north alone"
    assert view.texts["legal_basis"] == "Art. 6(1)(e), 9(2)(h)"  # the platform's
    assert view.completed == 2 and len(view.missing) == len(note_fields()) - 2
    assert officer.get(f"{where}?house={people.south.pk}").status_code == 404
    assert officer.get(f"{where}?house=").status_code == 200  # the own house, where none is named
    with pytest.raises(Forbidden):
        register.note_save(
            activity=activities()[0], institution=None, revision=0, content={}, actor=people.officer_north
        )
    assert (
        "Hospital north alone" not in client_of(people.officer_south).get(reverse("processing_record")).content.decode()
    )
    assert ProcessingNote.objects.count() == 2


def test_an_assessment_is_written_completed_and_signed_by_another_officer(world, deployment, client_of, read_pdf):
    people, model = world.people, deployment.version.model
    north, south = client_of(people.officer_north), client_of(people.officer_south)
    assert "None" in north.get(reverse("assessments")).content.decode()
    assert north.post(reverse("assessment_begin", args=[model.pk])).status_code == 302
    draft = ImpactAssessment.objects.get()
    assert north.post(reverse("assessment_begin", args=[model.pk])).status_code == 409
    edit = reverse("assessment_edit", args=[draft.pk])
    assert north.post(edit, {"revision": 1, "description": "Short."}).status_code == 302
    page = north.get(reverse("assessment", args=[draft.pk])).content.decode()
    assert "0 of 7 sections are written" in page and "Hospital north: Controller. For its own patients." in page
    assert len(missing({"description": "Short."})) == len(sections())
    stale = south.post(edit, {"revision": 1, "risks": "Typed at the same time."})
    assert stale.status_code == 400 and "Typed at the same time." in stale.content.decode()
    assert north.post(edit, {"revision": 2, **TEXTS}).status_code == 302
    assert "waits for your signature" in south.get(reverse("home")).content.decode()
    sign = reverse("assessment_sign", args=[draft.pk])
    wrong = south.post(sign, {"revision": 3, "password": "wrong"})
    assert wrong.status_code == 400 and "your own password" in wrong.content.decode()
    draft.refresh_from_db()
    with pytest.raises(Forbidden, match="does not sign"):
        assessments.assessment_sign(assessment=draft, revision=3, actor=people.officer_north)
    with pytest.raises(Conflict, match="changed since you read"):
        assessments.assessment_sign(assessment=draft, revision=2, actor=people.officer_south)
    assert south.post(sign, {"revision": 3, "password": PASSWORD}).status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.signed_by) == ("signed", people.officer_south)
    assert assessments.content_digest(draft) == draft.digest
    told = Assessment.objects.get(source_id=draft.pk)
    assert (told.model, told.edition, told.digest, told.in_force_until) == (model, 1, draft.digest, draft.review_on)
    text, attached = read_pdf(north.get(reverse("assessment_pdf", args=[draft.pk])).content)
    assert "Necessity and proportionality" in text and "Not signed" not in text
    assert attached["sections"] == draft.sections
    with pytest.raises(DatabaseError), transaction.atomic():
        ImpactAssessment.objects.filter(pk=draft.pk).update(sections={})
    second = assessments.assessment_begin(model=model, actor=people.officer_north)
    assert (second.edition, second.sections) == (2, draft.sections)


def test_incomplete_is_not_signed_and_strangers_see_none(world, deployment, client_of, read_pdf):
    people = world.people
    draft = assessments.assessment_begin(model=deployment.version.model, actor=people.officer_north)
    with pytest.raises(Conflict, match="Not complete: Systematic description"):
        assessments.assessment_sign(assessment=draft, revision=1, actor=people.officer_south)
    for name in ("assessment", "assessment_edit", "assessment_pdf"):
        assert client_of(people.outsider).get(reverse(name, args=[draft.pk])).status_code == 404, name
    assert client_of(people.administrator).post(reverse("assessment_sign", args=[draft.pk])).status_code == 403
    text, _ = read_pdf(client_of(people.auditor).get(reverse("assessment_pdf", args=[draft.pk])).content)
    assert "Not signed" in text and "Not written yet" in text


def test_the_control_mapping_counts_what_is_on_record(world, deployment):
    names = ("processing_record", "impact_assessments", "restore_drills", "backups", "breaches", "retention_runs")
    before = {name: found.status for name, found in findings(names).items()}
    assert before == {**dict.fromkeys(names, "none"), "breaches": "not_assessable"}
    register.note_save(
        activity=activities()[0], institution=None, revision=0, content={"controller": "x"},
        actor=world.people.administrator,
    )  # fmt: skip
    Backup.objects.create(
        name="b", taken_at=timezone.now() - dt.timedelta(hours=1), manifest="", size=1, entries=1, rows=1, key="k",
        seconds=1,
    )  # fmt: skip
    told = findings(names)
    assert told["processing_record"].count == 1 and told["processing_record"].status == "partly"
    assert told["backups"].status == "there"
    bound = {
        (key, control.id): control.evidence
        for key in ("gdpr", "hipaa")
        for control in mapping.framework_of(key).controls
    }
    assert "impact_assessments" in bound["gdpr", "art-35"] and "processing_record" in bound["gdpr", "art-30"]
    assert bound["hipaa", "308-a-7"] == ("backups", "restore_drills")


def test_the_overview_and_the_page_of_continuity(world, client_of):
    client = client_of(world.people.administrator)
    page = client.get(reverse("protection")).content.decode()
    assert "Nothing waits for you here" in page and "A second factor is required of: nobody" in page
    page = client.get(reverse("continuity")).content.decode()
    assert "A restore drill is overdue" in page and "None is on record" in page
    Backup.objects.create(
        name="b", taken_at=timezone.now() - dt.timedelta(days=2), manifest="", size=1, entries=1, rows=1, key="k",
        seconds=1,
    )  # fmt: skip
    home = client.get(reverse("home")).content.decode()
    assert "The newest backup is too old" in home and "A restore drill is due" in home
