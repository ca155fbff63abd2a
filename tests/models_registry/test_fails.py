"""A fail is not overridden by repeating the audit: what answers it, and that whoever decides is shown it even then."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from core.errors import Conflict
from federation.domain.messages import digest
from models_registry import binding, fails, services
from models_registry.models import ApprovalRequest, Evidence, Version
from tests.factories.federation import World

State = ApprovalRequest.State


def check(verdict: str, patients: int | None = 100, name: str = "bias_score", **more: Any) -> dict[str, Any]:
    row = {"check_id": name, "title": name.capitalize(), "decides": "certifies", "verdict": verdict, "sentence": "So."}
    return row | ({} if patients is None else {"patients": patients}) | more


def audit(version: Version, verdict: str, *checks: dict, tier: str | None = "quick", **more: Any) -> Evidence:
    source, kept = uuid.uuid4(), {"checks": list(checks)} | ({"tier": tier} if tier else {}) | more
    return services.evidence_record(
        version=version, kind="predeployment_audit", source_id=source, verdict=verdict, digest=digest(str(source)),
        summary=kept,
    )  # fmt: skip


def ask(version: Version, world: World, kind: str = "clinical") -> ApprovalRequest:
    return services.approval_request(version=version, kind=kind, justification="why", actor=world.people.administrator)


def raw(version: Version, world: World, kind: str = "clinical", content: dict | None = None) -> ApprovalRequest:
    """Past the services, into the database."""
    with transaction.atomic():
        return ApprovalRequest.objects.create(
            version=version, kind=kind, content=content or {}, content_digest="a" * 64, policy={},
            requested_by=world.people.administrator, justification="raw",
        )  # fmt: skip


CERTIFIED = {"tier": "certification"}
FAILED = check("fail")
# what failed, what came later, whether that answers it
LATER: list[tuple[str, tuple, list[tuple], bool]] = [
    ("the same audit passes", (FAILED,), [("pass", (check("pass"),), {})], True),
    ("a thorough one passes", (FAILED,), [("pass", (check("pass"),), CERTIFIED)], True),
    ("with more patients", (FAILED,), [("pass", (check("pass", 101),), {})], True),
    ("with fewer patients", (FAILED,), [("pass", (check("pass", 99),), {})], False),
    ("without a count of patients", (FAILED,), [("pass", (check("pass", None),), {})], False),
    ("neither counted patients", (check("fail", None),), [("pass", (check("pass", None),), {})], True),
    ("without the check", (FAILED,), [("pass", (check("pass", name="other"),), {})], False),
    ("with its thorough form", (FAILED,), [("pass", (check("pass", name="t", instead_of="bias_score"),), {})], True),
    ("with the check inconclusive", (FAILED,), [("pass", (check("inconclusive"), check("pass", name="x")), {})], False),
    ("an audit that is inconclusive", (FAILED,), [("inconclusive", (check("pass"),), {})], False),
    ("one of two is answered", (FAILED, check("fail", name="x")), [("pass", (check("pass"),), {})], False),
    ("two audits answer one each", (FAILED, check("fail", name="x")),
     [("pass", (check("pass"),), {}), ("pass", (check("pass", name="x"),), {})], True),
    ("a check that only informs failed as well", (FAILED, check("fail", name="x", decides="informs")),
     [("pass", (check("pass"),), {})], True),
    ("a fail without a named check", (), [("pass", (), {})], True),
    ("a pass, then an audit that is inconclusive", (FAILED,),
     [("pass", (check("pass"),), {}), ("inconclusive", (), {})], True),
]  # fmt: skip


@pytest.mark.parametrize(("failed", "later", "answered"), [row[1:] for row in LATER], ids=[row[0] for row in LATER])
def test_a_fail_stands_until_at_least_the_same_audit_passes(version, world, failed, later, answered):
    audit(version, "fail", *failed)
    for verdict, checks, more in later:
        audit(version, verdict, *checks, **more)
    assert bool(fails.standing_of(version)) is not answered
    bound = {"fails": "x"}
    if answered:
        assert ask(version, world, "shadow").content["fails"]
        ApprovalRequest.objects.update(state=State.WITHDRAWN)
        assert raw(version, world, "shadow", bound)
    else:
        assert "A fail stands" in binding.refusal(version, "shadow")
        with pytest.raises(Conflict, match="A fail stands"):
            ask(version, world, "shadow")
        with pytest.raises(DatabaseError, match="a fail stands that no later audit has answered"):
            raw(version, world, "shadow", bound)


@pytest.mark.parametrize(("tier", "stands"), [("quick", True), (None, True), ("certification", False)])
def test_a_quick_pass_answers_no_fail_of_a_certification(version, world, tier, stands):
    audit(version, "fail", FAILED, tier="certification")
    audit(version, "pass", check("pass"), tier=tier)
    assert bool(fails.standing_of(version)) is stands
    if stands:
        with pytest.raises(DatabaseError, match="a fail stands"):
            raw(version, world, content={"fails": "x"})
    else:
        assert raw(version, world, content={"fails": "x"})


def test_an_earlier_pass_answers_nothing(version, world):
    audit(version, "pass", check("pass"))
    audit(version, "fail", FAILED)
    audit(version, "inconclusive", check("inconclusive"))
    assert len(fails.standing_of(version)) == 1 and "A fail stands" in binding.refusal(version, "shadow")


def test_a_request_binds_what_failed_before_and_by_what_it_was_answered(version, world):
    first = audit(version, "fail", FAILED)
    second = audit(version, "pass", check("pass"))
    request = ask(version, world)
    assert request.content["fails"] == digest(
        [{"audit": first.digest, "check": "bias_score", "answered_by": second.digest}]
    )
    assert request.content_digest == digest(request.content) and not binding.changes(request)


def test_a_request_that_does_not_bind_an_earlier_fail_is_refused_by_the_database(version, world):
    audit(version, "fail", FAILED)
    audit(version, "pass", check("pass"))
    with pytest.raises(DatabaseError, match="failed in an earlier audit"):
        raw(version, world)


def test_without_a_fail_nothing_is_bound_and_no_open_request_is_voided_by_the_rule(version, world):
    audit(version, "pass", check("pass"))
    request = ask(version, world)
    assert "fails" not in request.content and not binding.changes(request)


@pytest.mark.parametrize("who", ["administrator2", "officer_north", "officer_south", "auditor"])
def test_everybody_who_decides_sees_the_fail_beside_the_request(version, world, who):
    audit(version, "fail", check("fail", sentence="Women are found less often."))
    audit(version, "pass", check("pass"))
    request, client = ask(version, world), Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    text = client.get(reverse("approval", args=[request.id])).content.decode()
    for words in ("What failed before", "Women are found less often.", "The checks that failed in earlier audits"):
        assert words in text
    told = client.get(reverse("api_approval_request", args=[request.id])).json()["fails"]
    assert [(row["check"], row["stands"], row["patients"]) for row in told] == [("bias_score", False, 100)]


def test_the_page_of_a_version_says_which_fail_stands(version, world):
    audit(version, "fail", FAILED)
    audit(version, "inconclusive", check("inconclusive"))
    client = Client()
    client.force_login(world.people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    text = client.get(reverse("version", args=[version.id])).content.decode()
    assert "What failed before" in text and "Stands" in text and "Inconclusive, but an earlier fail stands" in text


INSERT = """
    INSERT INTO models_registry_approvalrequest (id, created_at, version_id, kind, content, content_digest, policy,
        state, requested_by_id, justification)
    VALUES (gen_random_uuid(), now(), %s, %s, '{"fails": "x"}', repeat('a', 64), '{}', 'under_review', %s, 'raw')
"""


@pytest.mark.parametrize(("checks", "risk_class", "words"), [
    ([("fail", FAILED), ("inconclusive", check("pass"))], "limited", "a fail stands that no later audit has answered"),
    ([("pass", check("pass"))], "high", "needs a certification audit"),
    ([("fail", FAILED), ("pass", check("pass"))], "limited", ""),
])  # fmt: skip
def test_plain_sql_is_refused_as_well(version, world, checks, risk_class, words):
    for verdict, row in checks:
        audit(version, verdict, row, risk_class=risk_class)
    kind = "shadow" if risk_class == "limited" else "clinical"
    values = [version.id, kind, world.people.administrator.id]
    with connection.cursor() as cursor:
        if words:
            with pytest.raises(DatabaseError, match=words), transaction.atomic():
                cursor.execute(INSERT, values)
        else:
            cursor.execute(INSERT, values)
    assert ApprovalRequest.objects.count() == (not words)


HIGH = {"risk_class": "high"}


@pytest.mark.parametrize(("summary", "kind", "refused"), [
    (HIGH | {"tier": "quick"}, "clinical", True), (HIGH | {"tier": None}, "clinical", True),
    (HIGH | {"tier": "certification"}, "clinical", False), (HIGH | {"tier": "quick"}, "shadow", False),
    ({"risk_class": "limited", "tier": "quick"}, "clinical", False),
])  # fmt: skip
def test_the_database_refuses_clinical_use_of_high_risk_without_a_certification(version, world, summary, kind, refused):
    audit(version, "pass", check("pass"), **summary)
    assert ("certification audit" in binding.refusal(version, kind)) is refused
    if refused:
        with pytest.raises(DatabaseError, match="needs a certification audit"):
            raw(version, world, kind)
    else:
        assert raw(version, world, kind)
