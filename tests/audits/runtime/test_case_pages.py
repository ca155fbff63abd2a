import datetime as dt
import re

import pytest
from django.urls import reverse

from audits.runtime import appeals, case_views
from audits.runtime.models import Appeal, Outcome, Review
from audits.runtime.models_appeals import today
from core.models import Outbox
from core.roles import Role
from tests.factories.people import make_user
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db

WHY = "The scan was misread."


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def page(deployment, north, cases) -> str:
    """The address that the gateway gives for what explains the answer."""
    body = north.post(deployment, "predictions", {"records": [cases("a")]}).json()
    return body["predictions"][0]["explanation"]


@pytest.fixture
def clinician(world):
    return make_user("second@test.example", Role.CLINICIAN, world.people.north)


@pytest.fixture
def appeal(world, deployment, page):
    return appeals.appeal_file(
        deployment=deployment, event_key="a", contested_by="patient", grounds=WHY, actor=world.people.officer_north
    )


def test_the_address_of_a_case_names_nobody_and_its_reading_is_recorded(world, page, client_of):
    assert "mrn" not in page and not page.endswith("/a/")
    said = words(client_of(world.people.clinician).get(page))
    for expected in ("No human has reviewed this answer", "Operating range not measured", "Nobody has contested it"):
        assert expected in said, expected
    entry = Outbox.objects.get(table="runtime_prediction", operation="READ")
    assert (entry.said.actor, entry.said.action) == (world.people.clinician.id, "prediction.read")


@pytest.mark.parametrize(
    ("person", "status"), [("auditor", 200), ("officer_north", 200), ("officer_south", 404), ("outsider", 404)]
)
def test_a_case_is_seen_at_its_own_site_and_by_the_platform(world, page, client_of, person, status):
    assert client_of(getattr(world.people, person)).get(page).status_code == status


def test_a_case_is_found_by_its_name(world, deployment, page, client_of):
    client, find = client_of(world.people.clinician), reverse("prediction_find")
    assert client.post(find, {"deployment": deployment.id, "event_key": "a"}).url == page
    assert client.post(find, {"deployment": deployment.id, "event_key": "b"}).status_code == 404
    assert client.post(find, {"deployment": "x", "event_key": ""}).status_code == 400
    assert client_of(world.people.officer_south).post(
        find, {"deployment": deployment.id, "event_key": "a"}
    ).status_code == 404  # fmt: skip


def test_a_clinician_says_what_was_done_once(world, page, client_of):
    client = client_of(world.people.clinician)
    assert "What was done with it?" in words(client.get(page))
    assert client.post(page + "review/", {"decision": "perhaps", "note": "kept"}).status_code == 400
    answer = client.post(page + "review/", {"decision": "overrode", "why": "other_test", "note": ""}, follow=True)
    said = words(answer)
    assert "Overrode: another test says otherwise" in said
    assert "No human has reviewed" not in said and 'name="decision"' not in answer.content.decode()
    assert client.post(page + "review/", {"decision": "accepted", "next": page}, follow=True).status_code == 200
    assert Review.objects.get().decision == "overrode"


def test_an_auditor_is_offered_neither_form(world, page, client_of):
    html = client_of(world.people.auditor).get(page).content.decode()
    assert 'name="decision"' not in html and 'name="grounds"' not in html


def test_a_case_is_contested_decided_and_fed_back_on_the_pages(world, deployment, page, client_of, clinician):
    officer, second = client_of(world.people.officer_north), client_of(clinician)
    form = {"event_key": "a", "contested_by": "representative", "grounds": WHY}
    wrong = officer.post(page + "contest/", {**form, "event_key": "b"})
    assert wrong.status_code == 400 and WHY in wrong.content.decode()  # what was typed stays
    filed = officer.post(page + "contest/", form, follow=True)
    assert "The appeal is filed" in words(filed) and "You filed this appeal" in words(filed)
    appeal = Appeal.objects.get()
    here = reverse("appeal", args=[appeal.id])
    assert here in officer.get(page).content.decode() and 'name="grounds"' not in officer.get(page).content.decode()
    assert "Take it under review" in words(second.get(here))
    assert "Your decision" in words(second.post(here + "take/", follow=True))
    bad = second.post(here + "decide/", {"outcome": "changed", "reason": WHY, "label": int(appeal.flagged)})
    assert bad.status_code == 400 and "does not go with" in words(bad) and WHY in bad.content.decode()
    label = int(not appeal.flagged)
    done = words(second.post(here + "decide/", {"outcome": "changed", "reason": WHY, "label": label}, follow=True))
    for expected in ("The label was told to the monitor", "no longer stands", "Second", WHY):
        assert expected in done, expected
    assert Outcome.objects.get().stratum == label


def test_another_hospital_finds_no_appeal_and_who_may_not_decide_gets_403(world, appeal, client_of):
    here = reverse("appeal", args=[appeal.id])
    south = client_of(world.people.officer_south)
    assert [south.get(here).status_code, south.post(here + "take/").status_code] == [404, 404]
    assert "No appeals" in words(south.get(reverse("appeals")))
    assert client_of(world.people.officer_north).post(here + "take/").status_code == 403  # filed it
    assert client_of(world.people.auditor).post(here + "take/").status_code == 403


def test_the_queue_marks_overdue_ones_filters_and_pages(
    world, deployment, north, cases, appeal, client_of, clinician, monkeypatch
):
    north.post(deployment, "predictions", {"records": [cases("b")]})
    late = appeals.appeal_file(
        deployment=deployment, event_key="b", contested_by="clinician", grounds=WHY, actor=world.people.clinician
    )
    Appeal.objects.filter(id=late.id).update(due_on=today() - dt.timedelta(days=1))
    client, address = client_of(world.people.officer_north), reverse("appeals")
    html = client.get(address).content.decode()
    assert html.index(str(late.id)) < html.index(str(appeal.id))
    assert "1 appeal should have been decided by now" in words(client.get(address))
    only = client.get(address, {"state": "overdue"}).content.decode()
    assert str(late.id) in only and str(appeal.id) not in only
    assert "No appeal in this state" in words(client.get(address, {"state": "decided"}))
    assert client.get(address, {"state": "nonsense"}).status_code == 200
    monkeypatch.setattr(case_views, "PAGE", 1)
    assert str(appeal.id) in client.get(address, {"page": 2}).content.decode()


def test_who_filed_it_withdraws_it(world, appeal, client_of):
    here = reverse("appeal", args=[appeal.id])
    client = client_of(world.people.officer_north)
    assert client.post(here + "withdraw/", {"reason": "no"}).status_code == 400
    assert "Withdrawn by who filed it" in words(client.post(here + "withdraw/", {"reason": WHY}, follow=True))


def test_an_appeal_links_to_its_proof_in_the_ledger(world, appeal, client_of):
    from provenance.sequencing import load_frontier, sequence

    sequence(load_frontier())
    html = client_of(world.people.auditor).get(reverse("appeal", args=[appeal.id])).content.decode()
    assert reverse("ledger_object", args=[appeal.id]) in html


def test_a_shadow_case_shows_no_answer(world, north, cases, client_of):
    from audits.runtime.models import Prediction

    shadow = make_deployment(world, kind="shadow")
    north.post(shadow, "predictions", {"records": [cases("a")]})
    row = Prediction.objects.get()
    answer = client_of(world.people.clinician).get(reverse("prediction", args=[shadow.id, row.batch_id, 0]))
    assert "withheld" in words(answer)
    for absent in ("The model said", 'name="decision"', 'name="grounds"', f"{row.score:.3f}"):
        assert absent not in answer.content.decode()


def test_the_deployment_page_shows_reliance_and_scope(world, deployment, page, client_of):
    client = client_of(world.people.auditor)
    said = words(client.get(reverse("deployment", args=[deployment.id])))
    for expected in ("Never reviewed", "All sites", "every site of the federation", "Nothing was refused"):
        assert expected in said, expected


# --- the API ---------------------------------------------------------------------------------------------------------


def test_the_api_files_lists_takes_and_decides(world, deployment, page, client_of, clinician):
    officer, second = client_of(world.people.officer_north), client_of(clinician)
    form = {"deployment": str(deployment.id), "event_key": "a", "contested_by": "patient", "grounds": WHY}
    filed = officer.post("/api/v1/appeals", form, content_type="application/json")
    assert filed.status_code == 201, filed.content
    told = filed.json()
    assert (told["state"], told["case_name"], told["reviewed"], told["overdue"]) == ("open", "a", False, False)
    here = f"/api/v1/appeals/{told['id']}"
    assert [row["id"] for row in second.get("/api/v1/appeals?state=open").json()["results"]] == [told["id"]]
    early = second.post(here + "/decision", {"outcome": "upheld", "reason": WHY}, content_type="application/json")
    assert early.status_code == 409
    assert second.post(here + "/take").json()["state"] == "under_review"
    bad = second.post(here + "/decision", {"outcome": "withdrawn", "reason": WHY}, content_type="application/json")
    assert bad.status_code == 400
    label = int(told["flagged"])
    done = second.post(
        here + "/decision", {"outcome": "upheld", "reason": WHY, "label": label}, content_type="application/json"
    )
    assert (done.status_code, done.json()["feedback"]) == (200, "told")
    assert second.get(here).json()["outcome"] == "upheld"
    late = officer.post(here + "/withdraw", {"reason": WHY}, content_type="application/json")
    assert late.status_code == 409


def test_the_api_is_scoped_and_for_named_people(world, deployment, appeal, client_of, caller_class):
    south = client_of(world.people.officer_south)
    assert south.get("/api/v1/appeals").json()["results"] == []
    assert south.get(f"/api/v1/appeals/{appeal.id}").status_code == 404
    assert south.post(f"/api/v1/appeals/{appeal.id}/take").status_code == 404
    missing = {"deployment": str(deployment.id), "event_key": "zz", "contested_by": "patient", "grounds": WHY}
    assert south.post("/api/v1/appeals", missing, content_type="application/json").status_code == 404
    machine = caller_class(world.people.north, world.people.administrator, ["appeal.file", "appeal.view"])
    from django.test import Client

    answer = Client().post(
        "/api/v1/appeals", missing, content_type="application/json",
        headers={"Authorization": f"Api-Key {machine.secret}"},
    )  # fmt: skip
    assert answer.status_code == 403 and "named person" in answer.json()["message"]
