"""The incident's pages and API: who sees and does what, and what was typed stays on the page."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audits.runtime import services
from audits.runtime.halting import halt_create
from audits.runtime.lookback import look_back_build
from audits.runtime.models import Incident, IncidentRecord, IncidentTask

pytestmark = pytest.mark.django_db
TEXT = "The coil of scanner 4 was damaged."
WHY = "Two patients were misread."


@pytest.fixture
def incident(deployment):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    look_back_build({"look_back": halt.incident.look_back.id})()
    return halt.incident


@pytest.fixture
def officer(world, client_of):
    return client_of(world.people.officer_north)


def at(name: str, *arguments) -> str:
    return reverse(name, args=arguments)


def bodies(world) -> dict[str, dict]:
    now = timezone.now().replace(second=0, microsecond=0, tzinfo=None) - timedelta(minutes=5)
    return {
        "incident_assign": {"responsible": str(world.people.officer_south.id)},
        "incident_facts": {"aware_at": now.isoformat(), "serious": "yes", "death": "no"},
        "incident_clock": {"clock": "gdpr_33", "answer": "does_not_apply", "text": "No personal data left us."},
        "incident_note": {"kind": "downtime", "text": TEXT},
        "incident_task": {
            "title": "Replace the coil", "owner": str(world.people.clinician.id),
            "due_on": timezone.now().date().isoformat(),
        },
    }  # fmt: skip


def test_everyone_of_the_federation_reads_and_nobody_else(world, incident, client_of):
    for person in ("administrator", "auditor", "officer_south", "operator_north", "clinician"):
        client = client_of(getattr(world.people, person))
        assert "Ward" in client.get(at("incidents")).content.decode()
        said = client.get(at("incident", incident.id)).content.decode()
        assert "Regulator clocks" in said and "MDR Art. 87(3)" in said and "facts are missing" in said
        assert ("Enter the facts" in said) == (person == "officer_south")
    outsider = client_of(world.people.outsider)
    assert "No incident" in outsider.get(at("incidents")).content.decode()
    assert outsider.get(at("incident", incident.id)).status_code == 404


def test_every_form_works_for_an_officer_of_the_federation(world, incident, officer):
    for name, body in bodies(world).items():
        answer = officer.post(at(name, incident.id), body)
        assert answer.status_code == 302, (name, answer.content.decode()[:3000])
    incident.refresh_from_db()
    assert incident.responsible == world.people.officer_south
    kinds = list(IncidentRecord.objects.order_by("created_at").values_list("kind", flat=True))
    assert kinds[:3] == ["facts", "clock", "downtime"]
    said = officer.get(at("incident", incident.id)).content.decode()
    assert "No personal data left us." in said and TEXT in said and "Replace the coil" in said


@pytest.mark.parametrize(
    "name", ["incident_assign", "incident_facts", "incident_clock", "incident_note", "incident_task"]
)
def test_other_roles_and_other_hospitals_officers_do_nothing(world, incident, client_of, name):
    body = bodies(world)[name]
    for person in ("administrator", "auditor", "operator_north", "clinician"):
        assert client_of(getattr(world.people, person)).post(at(name, incident.id), body).status_code == 403
    assert client_of(world.people.outsider).post(at(name, incident.id), body).status_code == 404
    assert not IncidentRecord.objects.exists() and not IncidentTask.objects.exists()


@pytest.mark.parametrize(
    ("name", "body", "kept"),
    [
        ("incident_note", {"kind": "root_cause", "text": "short"}, "short"),
        ("incident_note", {"kind": "action", "text": "A text that must not be lost."}, "A text that must not be lost."),
        ("incident_clock", {"clock": "gdpr_33", "answer": "does_not_apply", "text": "brief"}, "brief"),
        ("incident_task", {"title": "A title to keep", "owner": "nobody", "due_on": "soon"}, "A title to keep"),
        ("incident_facts", {"aware_at": "2999-01-01T00:00", "serious": "yes"}, "2999-01-01T00:00"),
        ("incident_advance", {"text": "A reason that must not be lost."}, "needs"),
        ("look_back_change", {"since": "1999-01-01T00:00", "reason": "Reason to be kept."}, "Reason to be kept."),
    ],
)
def test_what_cannot_be_done_is_explained_and_stays_on_the_page(incident, officer, name, body, kept):
    answer = officer.post(at(name, incident.id), body)
    assert answer.status_code == 400 and kept in answer.content.decode()
    assert not IncidentRecord.objects.exists()


def test_the_owner_ticks_the_task_off_on_the_page(world, incident, officer, client_of):
    officer.post(at("incident_task", incident.id), bodies(world)["incident_task"])
    task = IncidentTask.objects.get()
    owner, other = client_of(world.people.clinician), client_of(world.people.operator_north)
    assert "Done: Replace the coil" in owner.get(at("incident", incident.id)).content.decode()
    assert other.post(at("task_done", incident.id, task.id)).status_code == 403
    assert owner.post(at("task_done", incident.id, task.id)).status_code == 302
    task.refresh_from_db()
    assert task.done_by == world.people.clinician


def test_the_deployments_page_leads_to_its_incident_and_says_which_site_is_halted(world, deployment, client_of):
    services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_south, site="north")
    said = client_of(world.people.clinician).get(at("deployment", deployment.id)).content.decode()
    assert "Halted at one site" in said and at("incident", Incident.objects.get().id) in said


def test_a_halt_at_one_site_is_ordered_and_ended_on_the_pages(world, deployment, client_of, reviewers, officer):
    answer = officer.post(at("deployment_halt", deployment.id), {"reason": WHY, "site": "north"})
    assert answer.status_code == 302
    halt = deployment.halts.get()
    assert halt.site == "north"
    page = at("incident", halt.incident.id)
    assert "Vote to reinstate" not in officer.get(page).content.decode()
    from django.core.files.uploadedfile import SimpleUploadedFile

    for reviewer in reviewers:
        client = client_of(reviewer)
        said = client.get(page).content.decode()
        assert "Vote to reinstate" in said
        digest = halt.reinstatements.values_list("evidence_digest", flat=True).first() or ""
        body = {"reason": WHY, "halt": str(halt.id), "digest": digest, "document": SimpleUploadedFile("a.txt", b"x")}
        assert client.post(at("deployment_reinstate", deployment.id), body).status_code == 302
    halt.refresh_from_db()
    assert halt.closed_at is not None


def test_lists_are_paged_and_filtered(world, deployment, incident, client_of, monkeypatch):
    from audits.runtime import views_incidents

    Incident.objects.filter(id=incident.id).update(state="closed")
    client = client_of(world.people.auditor)
    assert "No incident" in client.get(at("incidents") + "?state=not_closed").content.decode()
    assert "Ward" in client.get(at("incidents") + "?state=closed&page=nonsense").content.decode()
    monkeypatch.setattr(views_incidents, "PAGE", 1)
    assert client.get(at("incidents") + "?page=7").status_code == 200


def test_the_number_of_queries_does_not_grow_with_what_was_said(world, incident, client_of, officer):
    for _ in range(6):
        officer.post(at("incident_note", incident.id), bodies(world)["incident_note"])
        officer.post(at("incident_task", incident.id), bodies(world)["incident_task"])
    client = client_of(world.people.auditor)
    with CaptureQueriesContext(connection) as made:
        assert client.get(at("incident", incident.id)).status_code == 200
    # Keys as young as this test's transaction are read for each text; otherwise once for all (core.vault).
    assert len([query for query in made.captured_queries if "core_subjectkey" not in query["sql"]]) <= 20


# --- the API ---------------------------------------------------------------------------------------------------


def test_the_whole_way_by_api(world, incident, client_of, officer):
    def post(name, body, client=officer):
        return client.post(at(name, incident.id), json.dumps(body), content_type="application/json")

    detail = officer.get(at("api_incident", incident.id)).json()
    assert detail["missing"] == ["a responsible officer", "the clinical downtime plan"]
    assert {clock["state"] for clock in detail["clocks"]} == {"undetermined"}
    south = str(world.people.officer_south.id)
    assert post("api_incident_assign", {"responsible": south}).json()["responsible"] == south
    assert post("api_incident_notes", {"kind": "downtime", "text": TEXT}).status_code == 201
    assert post("api_incident_advance", {"text": TEXT}).json()["state"] == "contained"
    assert post("api_incident_advance", {"text": TEXT}).status_code == 409
    post("api_incident_notes", {"kind": "root_cause", "text": TEXT})
    post("api_incident_notes", {"kind": "action", "action": "restrict", "text": TEXT})
    assert post("api_incident_advance", {"text": TEXT}).json()["state"] == "resolved"
    no = dict.fromkeys(("serious", "death", "public_threat", "widespread", "personal_breach", "phi_breach"), False)
    facts = {"aware_at": incident.created_at.isoformat(), "known": {**no, "serious": True}}
    assert post("api_incident_facts", facts).status_code == 201
    for clock in ("mdr_serious", "ai_serious"):
        answer = post("api_incident_clocks", {"clock": clock, "answer": "done", "text": "BfArM 4711"})
        assert answer.status_code == 201
    task = {"title": "Replace the coil", "owner": south, "due_on": timezone.now().date().isoformat()}
    made = post("api_incident_tasks", task).json()
    assert officer.post(at("api_incident_task_done", incident.id, made["id"])).json()["done_at"]
    assert post("api_incident_advance", {"text": TEXT}).json()["state"] == "closed"
    (listed,) = officer.get(at("api_incidents")).json()["results"]
    assert listed["state"] == "closed" and listed["closed_at"]


def test_a_sites_people_mark_their_cases_by_api(world, deployment, client_of, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b")]})
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    incident = halt.incident
    look_back_build({"look_back": incident.look_back.id})()
    clinician, south = client_of(world.people.clinician), client_of(world.people.officer_south)
    rows = clinician.get(at("api_look_back", incident.id)).json()["results"]
    assert len(rows) == 2 and south.get(at("api_look_back", incident.id)).json()["results"] == []

    def post(name, body, client=clinician):
        return client.post(at(name, incident.id), json.dumps(body), content_type="application/json")

    one = {"what": "reread", "result": "changed", "cases": [rows[0]["id"]]}
    assert post("api_look_back_marks", one, south).status_code == 400
    assert post("api_look_back_marks", one).json() == {"marked": 1}
    assert post("api_look_back_marks", {"what": "disclosed", "result": "told"}).json() == {"marked": 2}
    found = post("api_look_back_find", {"event_keys": ["a", "z"]}).json()
    assert list(found) == ["a"] and found["a"]["disclosed"] == "told"
    assert clinician.get(at("api_look_back_csv", incident.id)).content.decode().count("\n") == 3
    assert client_of(world.people.administrator).get(at("api_look_back", incident.id)).status_code == 403


@pytest.mark.parametrize(
    "body", [{}, [], "x", {"text": 5}, {"text": "a\u0000bcdefghijkl"}, {"kind": "x", "text": TEXT}]
)
def test_bad_bodies_are_refused_and_never_an_error(incident, officer, body):
    for name in (
        "api_incident_notes", "api_incident_clocks", "api_incident_facts", "api_incident_tasks",
        "api_incident_assign", "api_look_back_change", "api_look_back_marks", "api_look_back_find",
    ):  # fmt: skip
        answer = officer.post(at(name, incident.id), json.dumps(body), content_type="application/json")
        assert answer.status_code == 400, (name, answer.content)


def test_a_machines_key_opens_no_list_of_patients_and_decides_nothing(world, deployment, incident, caller_class):
    from django.test import Client

    key = caller_class(
        world.people.north, world.people.administrator,
        actions=["incident.view", "incident.manage", "lookback.view", "lookback.mark"],
    )  # fmt: skip
    headers = {"Authorization": f"Api-Key {key.secret}"}
    client = Client()
    assert client.get(at("api_incident", incident.id), headers=headers).status_code == 200
    assert client.get(at("api_look_back", incident.id), headers=headers).status_code == 403  # they are for people
    assert client.get(at("api_look_back_csv", incident.id), headers=headers).status_code == 403
    for name, body in (
        ("api_incident_notes", {"kind": "remark", "text": TEXT}),
        ("api_look_back_marks", {"what": "reread", "result": "changed"}),
    ):
        answer = client.post(at(name, incident.id), json.dumps(body), content_type="application/json", headers=headers)
        assert answer.status_code == 403, answer.content


def test_subscriptions_and_notices_by_api(world, client_of, settings, monkeypatch):
    from audits.runtime import webhooks

    monkeypatch.setattr(webhooks, "checked_addresses", lambda url: [("93.184.216.34", 443)])
    administrator = client_of(world.people.administrator)
    made = administrator.post(
        reverse("api_webhooks"), {"name": "Ward", "url": "https://hooks.example/"}, content_type="application/json"
    )
    assert made.status_code == 201 and made.json()["secret"].startswith("whsec_")
    (listed,) = administrator.get(reverse("api_webhooks")).json()["results"]
    assert "secret" not in listed
    revoked = administrator.post(reverse("api_webhook_revoke", args=[listed["id"]]))
    assert revoked.json()["revoked_at"]
    assert client_of(world.people.officer_north).get(reverse("api_notices")).json()["results"] == []
