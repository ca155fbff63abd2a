from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey
from tests.factories.audits import make_audit
from tests.factories.registry import make_version

LIST = "api_audits"


def test_audits_are_listed_newest_first_and_filtered_by_version(version, world, people, signed_in):
    older, newer = make_audit(version, "fail"), make_audit(version, "pass")
    client = signed_in(people.auditor)
    found = client.get(reverse(LIST)).json()
    assert [row["id"] for row in found["results"]] == [str(newer.id), str(older.id)]
    assert client.get(reverse(LIST), {"version": version.id}).json()["count"] == 2
    assert client.get(reverse(LIST), {"version": uuid.uuid4()}).json()["count"] == 0


def test_a_filter_that_is_no_version_is_refused(people, signed_in):
    answer = signed_in(people.auditor).get(reverse(LIST), {"version": "mine"})
    assert answer.status_code == 400 and "version" in answer.json()["fields"]


def test_one_audit_comes_with_its_checks_and_the_digests_of_the_answers(version, people, signed_in):
    audit = make_audit(version, "inconclusive")
    found = signed_in(people.officer_south).get(reverse("api_audit", args=[audit.id])).json()
    assert (found["verdict"], found["digest"]) == ("inconclusive", audit.digest)
    gating = [check for check in found["checks"] if check["decides"] == "certifies"]
    assert gating[0]["provenance"]["answers"] == {"north/bias_score/0": "a" * 64, "south/bias_score/0": "a" * 64}
    assert [check["check_id"] for check in gating] == ["bias_score"]
    assert gating[0]["lower"] <= gating[0]["value"] <= gating[0]["upper"]


def test_an_audit_is_started_with_a_tighter_policy(version, people, signed_in):
    given = {"version": str(version.id), "policy": {"bias_score.threshold": 0.05}}
    answer = signed_in(people.administrator).post(reverse(LIST), given, content_type="application/json")
    assert answer.status_code == 201 and answer.json()["state"] == "running"
    assert answer.json()["policy"]["checks"]["bias_score"]["settings"]["threshold"] == 0.05


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 400),
        ({"version": "x"}, 400),
        ({"version": str(uuid.uuid4())}, 404),
        ({"version": "own", "policy": {"bias_score.threshold": 0.5}}, 400),
        ({"version": "own", "policy": {"bias_score.threshold": "much"}}, 400),
        ({"version": "own", "policy": {"bias_score.draws": 1e400}}, 400),
        ({"version": "own", "policy": []}, 400),
        ({"version": "own", "policy": {"bias_score.threshold": None}}, 400),
        ({"version": "own", "tier": "thorough"}, 400),
        ({"version": "own", "risk_class": "none"}, 400),
    ],
)
def test_bad_input_is_refused_with_what_was_expected(version, people, signed_in, given, code):
    if given.get("version") == "own":
        given = {**given, "version": str(version.id)}
    answer = signed_in(people.administrator).post(reverse(LIST), given, content_type="application/json")
    assert answer.status_code == code and answer.json()["message"]
    assert not version.audits.exists()


def test_a_second_start_is_a_conflict(version, people, signed_in):
    client = signed_in(people.administrator)
    codes = [
        client.post(reverse(LIST), {"version": str(version.id)}, content_type="application/json").status_code
        for _ in range(2)
    ]
    assert codes == [201, 409]


@pytest.mark.parametrize("who", ["auditor", "operator_north", "clinician"])
def test_other_roles_do_not_start(version, people, signed_in, who):
    client = signed_in(getattr(people, who))
    answer = client.post(reverse(LIST), {"version": str(version.id)}, content_type="application/json")
    assert answer.status_code == 403 and not version.audits.exists()


def test_a_stranger_finds_nothing(version, people, signed_in):
    audit = make_audit(version, "pass")
    client = signed_in(people.outsider)
    assert client.get(reverse(LIST)).json()["count"] == 0
    assert client.get(reverse("api_audit", args=[audit.id])).status_code == 404
    answer = client.post(reverse(LIST), {"version": str(version.id)}, content_type="application/json")
    assert answer.status_code == 404


def test_a_machine_starts_an_audit_with_a_key_that_allows_it(version, people, client):
    _, secret = ApiKey.issue(
        name="CI", institution=people.north, actions=["audit.start"], issued_by=people.administrator,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    answer = client.post(
        reverse(LIST), {"version": str(version.id)}, content_type="application/json",
        headers={"Authorization": f"Api-Key {secret}"},
    )  # fmt: skip
    assert answer.status_code == 201
    assert version.audits.get().requested_by is None  # no person; the ledger knows the key


def test_nobody_looks_without_signing_in(version, client):
    assert client.get(reverse(LIST)).status_code in {401, 403}
    assert client.post(reverse(LIST), {"version": str(version.id)}, content_type="application/json").status_code in {
        401, 403,
    }  # fmt: skip


def test_another_versions_audits_are_not_mixed_in(version, world, people, signed_in):
    make_audit(version, "pass")
    other = make_version(world)
    assert signed_in(people.auditor).get(reverse(LIST), {"version": other.id}).json()["count"] == 0
