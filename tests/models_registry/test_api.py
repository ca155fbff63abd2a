from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey
from models_registry import services
from models_registry.models import ApprovalRequest, Deployment
from tests.factories.people import PASSWORD
from tests.factories.registry import make_approved_request, make_assessment, make_deployment, make_version

BASE = "/api/v1"
OTHERS = ["auditor", "operator_north", "operator_south", "clinician"]


def results(answer) -> list[dict]:
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_models_and_versions_are_listed_and_filtered_by_run(world, audited, api) -> None:
    other = make_version(world)
    client = api(world.people.clinician)

    assert [m["name"] for m in results(client.get(f"{BASE}/models"))] == ["Trial model"]
    assert client.get(f"{BASE}/models/{audited.model_id}").json()["intended_use"] == "Testing"
    assert {v["number"] for v in results(client.get(f"{BASE}/versions"))} == {1, 2}
    found = results(client.get(f"{BASE}/versions", {"run": str(other.run_id)}))
    assert [v["id"] for v in found] == [str(other.id)]


def test_a_filter_that_is_no_id_is_refused(world, api) -> None:
    answer = api(world.people.clinician).get(f"{BASE}/versions", {"run": "one"})

    assert answer.status_code == 400 and "run" in answer.json()["fields"]


def test_the_detail_of_a_version_holds_evidence_card_and_gate(world, version, api) -> None:
    client = api(world.people.auditor)
    before = client.get(f"{BASE}/versions/{version.id}").json()
    assert before["evidence"] is None
    assert not before["gate"]["clinical"]["allowed"] and "never audited" in before["gate"]["clinical"]["reason"]

    services.evidence_record(
        version=version, kind="predeployment_audit", source_id=uuid.uuid4(), verdict="inconclusive", digest="a" * 64,
        summary={},
    )  # fmt: skip

    after = client.get(f"{BASE}/versions/{version.id}").json()
    assert after["evidence"]["verdict"] == "inconclusive"
    assert after["card"]["edition"] == 2 and after["card"]["completeness"]["required"] == 47
    assert after["gate"]["shadow"]["allowed"] and not after["gate"]["shadow"]["reason"]
    assert not after["gate"]["clinical"]["allowed"]


def test_cards_are_read_by_all_and_written_by_administrators(world, version, api) -> None:
    url = f"{BASE}/versions/{version.id}/cards"
    made = api(world.people.administrator).post(url, {"texts": {"HowToUse": "With care."}}, format="json")
    assert made.status_code == 201 and made.json()["edition"] == 2

    cards = results(api(world.people.clinician).get(url))
    assert [card["edition"] for card in cards] == [2, 1]
    assert cards[0]["content"]["UsesAndDirections"]["HowToUse"] == "With care."

    for who in [*OTHERS, "officer_north"]:
        assert api(getattr(world.people, who)).post(url, {"texts": {}}, format="json").status_code == 403


@pytest.mark.parametrize("body", [{}, {"texts": {"ModelName": "Mine"}}, {"texts": "none"}])
def test_a_bad_card_is_refused(world, version, api, body: dict) -> None:
    answer = api(world.people.administrator).post(f"{BASE}/versions/{version.id}/cards", body, format="json")

    assert answer.status_code == 400 and answer.json()["code"] == "invalid"


def ask(client: APIClient, audited, **fields):
    body = {"version": str(audited.id), "kind": "clinical", "justification": "For the ward.", **fields}
    return client.post(f"{BASE}/approval-requests", body, format="json")


def test_a_request_is_made_read_and_filtered(world, audited, api) -> None:
    made = ask(api(world.people.administrator), audited, policy={"max_predictions": 10})
    assert made.status_code == 201, made.content
    assert made.json()["policy"]["max_predictions"] == 10
    assert len(made.json()["missing"]) == 3

    client = api(world.people.auditor)
    assert len(results(client.get(f"{BASE}/approval-requests", {"version": str(audited.id)}))) == 1
    assert results(client.get(f"{BASE}/approval-requests", {"state": "approved"})) == []
    assert client.get(f"{BASE}/approval-requests/{made.json()['id']}").json()["kind"] == "clinical"


def test_the_gate_refuses_by_conflict(world, version, api) -> None:
    answer = ask(api(world.people.administrator), version)

    assert answer.status_code == 409 and "never audited" in answer.json()["message"]


@pytest.mark.parametrize(
    "fields", [{"kind": "x"}, {"justification": ""}, {"version": "x"}, {"policy": {"threshold": 1}}]
)
def test_a_bad_request_is_refused(world, audited, api, fields: dict) -> None:
    assert ask(api(world.people.administrator), audited, **fields).status_code == 400


@pytest.mark.parametrize("who", [*OTHERS, "officer_north"])
def test_only_administrators_request(world, audited, api, who: str) -> None:
    assert ask(api(getattr(world.people, who)), audited).status_code == 403


def test_clinicians_do_not_read_approvals(world, approval, api) -> None:
    client = api(world.people.clinician)

    assert client.get(f"{BASE}/approval-requests").status_code == 403
    assert client.get(f"{BASE}/approval-requests/{approval.id}").status_code == 403


def decide(client: APIClient, approval: ApprovalRequest, decision: str = "approve", reason: str = "Reviewed."):
    body = {"decision": decision, "reason": reason, "password": PASSWORD}
    return client.post(f"{BASE}/approval-requests/{approval.id}/decisions", body, format="json")


def test_the_whole_way_to_a_deployment(world, approval, api) -> None:
    people = world.people
    early = decide(api(people.administrator2), approval)
    assert early.status_code == 409 and "officers decide first" in early.json()["message"]
    for who in (people.officer_north, people.officer_south, people.administrator2):
        assert decide(api(who), approval).status_code == 201

    administrator, body = api(people.administrator), {"approval_request": str(approval.id), "name": "Ward"}
    gate = administrator.get(f"{BASE}/versions/{approval.version_id}").json()["gate"]["shadow"]
    without = administrator.post(f"{BASE}/deployments", body, format="json")
    assert without.status_code == 409 and without.json()["message"] == gate["lacks"]
    assert gate["allowed"] and "Impact assessments" in gate["lacks"]
    make_assessment(approval.version)
    made = administrator.post(f"{BASE}/deployments", body, format="json")

    assert made.status_code == 201 and made.json()["state"] == "active"
    found = api(people.clinician).get(f"{BASE}/deployments/{made.json()['id']}").json()
    assert found["approval_request"] == str(approval.id) and found["policy"]["threshold"] == 0.1


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize(
    ("who", "status"),
    [("administrator", 403), ("auditor", 403), ("operator_north", 403), ("operator_south", 403), ("clinician", 403),
     ("outsider", 404), ("officer_north", 201), ("officer_south", 201)],
)  # fmt: skip
def test_each_role_on_approve_and_on_reject(world, approval, api, who: str, status: int, decision: str) -> None:
    assert decide(api(getattr(world.people, who)), approval, decision).status_code == status
    assert approval.decisions.count() == (status == 201)


@pytest.mark.parametrize(("decision", "reason"), [("maybe", "x"), ("approve", "")])
def test_a_bad_decision_is_refused(world, approval, api, decision: str, reason: str) -> None:
    assert decide(api(world.people.officer_north), approval, decision, reason).status_code == 400


def test_a_request_is_withdrawn(world, approval, api) -> None:
    url = f"{BASE}/approval-requests/{approval.id}/withdraw"
    for who in [*OTHERS, "officer_north"]:
        assert api(getattr(world.people, who)).post(url).status_code == 403

    assert api(world.people.administrator).post(url).json()["state"] == "withdrawn"
    assert api(world.people.administrator).post(url).status_code == 409


@pytest.mark.parametrize("who", [*OTHERS, "officer_north"])
def test_only_administrators_deploy(world, api, who: str) -> None:
    request = make_approved_request(world)
    body = {"approval_request": str(request.id), "name": "Ward"}

    assert api(getattr(world.people, who)).post(f"{BASE}/deployments", body, format="json").status_code == 403
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("body", [{}, {"approval_request": "x", "name": "y"}, {"name": ""}])
def test_a_bad_deployment_is_refused(world, api, body: dict) -> None:
    assert api(world.people.administrator).post(f"{BASE}/deployments", body, format="json").status_code == 400


def test_deployments_are_listed_and_filtered(world, api) -> None:
    deployment = make_deployment(world)
    client = api(world.people.clinician)

    assert [d["id"] for d in results(client.get(f"{BASE}/deployments"))] == [str(deployment.id)]
    assert results(client.get(f"{BASE}/deployments", {"state": "halted"})) == []


def test_for_an_institution_outside_nothing_exists(world, api) -> None:
    deployment = make_deployment(world)
    client, request = api(world.people.outsider), deployment.approval
    for path in ("models", "versions", "approval-requests", "deployments"):
        assert results(client.get(f"{BASE}/{path}")) == []
    for path in (f"models/{deployment.version.model_id}", f"versions/{deployment.version_id}",
                 f"versions/{deployment.version_id}/cards", f"approval-requests/{request.id}",
                 f"deployments/{deployment.id}"):  # fmt: skip
        assert client.get(f"{BASE}/{path}").status_code == 404


def test_who_is_not_signed_in_gets_nothing(approval) -> None:
    for path in ("models", "versions", "approval-requests", "deployments"):
        assert APIClient().get(f"{BASE}/{path}").status_code in {401, 403}


def test_a_machines_key_reads_but_never_decides(world, approval) -> None:
    _, secret = ApiKey.issue(
        name="Ward", institution=world.people.north, actions=["model.view", "approval.decide"],
        issued_by=world.people.administrator, expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    client = APIClient(headers={"authorization": f"Api-Key {secret}"})

    assert len(results(client.get(f"{BASE}/versions"))) == 1
    answer = decide(client, approval)
    assert answer.status_code == 403 and "named person" in answer.json()["message"]
