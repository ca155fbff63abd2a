"""The federation API: a matrix of verbs and roles, and what each answers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from federation.models import Consent, RunEvent, TrainingRun
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
State = TrainingRun.State
PEOPLE = (
    "administrator", "auditor", "officer_north", "operator_north", "operator_south", "clinician", "outsider",
)  # fmt: skip
READERS = {"administrator", "auditor", "officer_north", "operator_north", "operator_south"}
OPERATORS = {"operator_north", "operator_south"}
PROPOSAL = {"name": "By API", "rounds": 2, "seed": 1}


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def run(world):
    return make_run(world, rounds=3)


def call(world, who: str | None, method: str, path: str, body: dict | None = None, **headers: Any) -> Any:
    client = Client()
    if who:
        client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    data = {} if method == "GET" else {"data": json.dumps(body or {}), "content_type": "application/json"}
    return getattr(client, method.lower())(f"/api/v1{path}", headers=headers, **data)


# method, path, body, who may, status for them while the run is proposed, status for the outsider
MATRIX = [
    ("GET", "/federations", None, READERS, 200, 200),
    ("GET", "/federations/{federation}", None, READERS, 200, 404),
    ("GET", "/federations/{federation}/runs", None, READERS, 200, 404),
    ("POST", "/federations/{federation}/runs", PROPOSAL, {"administrator"}, 201, 403),
    ("GET", "/runs", None, READERS, 200, 200),
    ("GET", "/runs/{run}", None, READERS, 200, 404),
    ("GET", "/runs/{run}/events", None, READERS, 200, 404),
    ("POST", "/runs/{run}/consents", {"decision": "given"}, OPERATORS | {"officer_north"}, 201, 404),
    ("GET", "/reconsiderations", None, READERS, 200, 200),
    ("POST", "/runs/{run}/start", None, {"administrator"}, 409, 403),
    ("POST", "/runs/{run}/pause", None, {"administrator"}, 409, 403),
    ("POST", "/runs/{run}/resume", None, {"administrator"}, 409, 403),
    ("POST", "/runs/{run}/abort", {"reason": "Enough"}, {"administrator"}, 200, 403),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed", "status", "outside"), MATRIX, ids=[f"{m} {p}" for m, p, *_ in MATRIX]
)
def test_each_verb_is_open_to_its_roles_and_to_no_other(world, run, method, path, body, allowed, status, outside):
    url = path.format(federation=world.federation.id, run=run.id)
    for who in PEOPLE:
        expected = outside if who == "outsider" else status if who in allowed else 403
        assert call(world, who, method, url, body).status_code == expected, who
    # DRF answers 401 only where an authenticator challenges; the API key's does
    assert call(world, None, method, url, body).status_code == 401


@pytest.mark.parametrize("path", [p for m, p, *_ in MATRIX if m == "POST" and "runs/{run}" in p])
def test_changes_are_made_by_post_only(world, run, path):
    assert call(world, "administrator", "GET", path.format(run=run.id)).status_code in {403, 405}


def test_a_federation_comes_with_what_its_sites_hold(world):
    found = call(world, "auditor", "GET", f"/federations/{world.federation.id}").json()
    assert found["name"] == "Trial" and found["task"] == "classification"
    north = found["participants"][0]
    assert (north["site"], north["last_seen_at"]) == ("north", None)
    assert north["manifest"]["content"]["n_patients"] == 10_000
    assert north["manifest"]["digest"] == world.participants["north"].manifests.get().digest


def test_a_site_without_a_manifest_has_null(world):
    world.participants["south"].manifests.all().delete()
    found = call(world, "auditor", "GET", f"/federations/{world.federation.id}").json()
    assert found["participants"][1]["manifest"] is None


def test_a_proposal_answers_with_the_frozen_run(world):
    made_ = call(
        world, "administrator", "POST", f"/federations/{world.federation.id}/runs", {**PROPOSAL, "epsilon_budget": 3}
    ).json()
    assert made_["state"] == "proposed" and made_["consents"] == {"north": None, "south": None}
    assert made_["epsilon_budget"] == 3.0 and made_["config"]["rounds"] == 2
    assert made_["config_hash"] == TrainingRun.objects.get().config_hash


@pytest.mark.parametrize(
    "change", [{"rounds": 0}, {"rounds": "many"}, {"seed": None}, {"name": ""}, {"local": {"epochs": 1}}, {"local": 3}]
)
def test_a_bad_proposal_is_refused_with_the_reason(world, change):
    response = call(world, "administrator", "POST", f"/federations/{world.federation.id}/runs", {**PROPOSAL, **change})
    assert response.status_code == 400 and response.json()["code"] == "invalid"
    assert not TrainingRun.objects.exists()


def test_runs_can_be_listed_for_one_federation(world, run):
    url = f"/runs?federation={world.federation.id}"
    assert [r["id"] for r in call(world, "auditor", "GET", url).json()["results"]] == [str(run.id)]
    other = "00000000-0000-0000-0000-000000000000"
    assert call(world, "auditor", "GET", f"/runs?federation={other}").json()["results"] == []
    assert call(world, "auditor", "GET", "/runs?federation=x").status_code == 400


def test_a_run_shows_rounds_privacy_progress_and_silence(world, run):
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING)
    made.make_done_rounds(run, 1, seconds=60, epsilon=True)
    made.make_consents(world, run, of=("north",))
    round_ = made.make_round_in_hand(run, 2)
    made.make_order(round_, world.participants["south"], age=timedelta(minutes=2))
    found = call(world, "auditor", "GET", f"/runs/{run.id}").json()
    assert [r["number"] for r in found["rounds"]] == [1, 2]
    assert found["rounds"][0]["metrics"]["primary"]["overall"]["accuracy"]["n"] == 80
    assert found["epsilon"] == {"north": pytest.approx(1.1), "south": pytest.approx(1.3)}
    assert found["consents"] == {"north": "given", "south": None}
    assert found["answers"][0]["config_hash"] == run.config_hash
    progress = found["progress"]
    assert (progress["done"], progress["round_in_hand"]) == (1, 2)
    assert progress["eta_seconds"] == pytest.approx(100, abs=3)
    assert [s["silent_since"] is not None for s in progress["sites"]] == [False, True]


def test_consents_are_recorded_for_the_own_site(world, run):
    answer = call(world, "operator_south", "POST", f"/runs/{run.id}/consents", {"decision": "given", "reason": "ok"})
    assert answer.json()["site"] == "south" and answer.json()["decision"] == "given"
    consent = Consent.objects.get()
    assert (consent.participant.site, consent.config_hash) == ("south", run.config_hash)
    again = call(world, "operator_south", "POST", f"/runs/{run.id}/consents", {"decision": "given"})
    assert again.status_code == 409 and "already answered" in again.json()["message"]


def test_an_unknown_decision_is_refused(world, run):
    assert call(world, "operator_south", "POST", f"/runs/{run.id}/consents", {"decision": "maybe"}).status_code == 400


def test_all_consents_then_start_pause_resume_abort(world, run):
    for who in sorted(OPERATORS):
        call(world, who, "POST", f"/runs/{run.id}/consents", {"decision": "given"})
    for verb, body, state in (
        ("start", None, "running"),
        ("pause", None, "paused"),
        ("resume", None, "running"),
        ("abort", {"reason": "Enough"}, "aborted"),
    ):
        answer = call(world, "administrator", "POST", f"/runs/{run.id}/{verb}", body)
        assert answer.status_code == 200 and answer.json()["state"] == state


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "   "}])
def test_an_abort_needs_a_reason(world, run, body):
    assert call(world, "administrator", "POST", f"/runs/{run.id}/abort", body).status_code == 400


def test_events_follow_one_another(world, run):
    events = [RunEvent.objects.create(run=run, kind="round", text=str(n)) for n in range(3)]
    found = call(world, "auditor", "GET", f"/runs/{run.id}/events?after={events[0].id}").json()["results"]
    assert [e["text"] for e in found] == ["1", "2"]
    for wrong in ("x", "-1", "1" * 40):
        assert call(world, "auditor", "GET", f"/runs/{run.id}/events?after={wrong}").status_code == 400


def test_a_machine_reads_within_its_institution_and_decides_nothing(world, run):
    _, secret = ApiKey.issue(
        name="System", institution=world.people.north, actions=["federation.view", "consent.sign", "run.start"],
        issued_by=world.people.administrator, expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    headers: dict[str, Any] = {"Authorization": f"Api-Key {secret}"}
    assert call(world, None, "GET", f"/runs/{run.id}", **headers).status_code == 200
    refused = call(world, None, "POST", f"/runs/{run.id}/consents", {"decision": "given"}, **headers)
    assert refused.status_code == 403 and "people" in refused.json()["message"]
    assert call(world, None, "POST", f"/federations/{world.federation.id}/runs", PROPOSAL, **headers).status_code == 403
    assert not Consent.objects.exists()


def test_the_schema_describes_these_operations(world):
    schema = call(world, "administrator", "GET", "/schema")
    assert schema.status_code == 200
    assert b"/api/v1/runs/{run_id}/consents" in schema.content
