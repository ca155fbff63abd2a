from __future__ import annotations

import uuid

import pytest

from core.errors import ApplicationError, Conflict
from models_registry import services
from models_registry.models import ApprovalRequest, Version
from tests.factories.federation import World
from tests.factories.registry import make_approved_request, make_deployment, make_evidence, make_request

State = ApprovalRequest.State


def record(version: Version, source: uuid.UUID, **fields) -> None:
    values = {"kind": "predeployment_audit", "verdict": "pass", "digest": "a" * 64, "summary": {}, **fields}
    services.evidence_record(version=version, source_id=source, **values)


def test_evidence_is_kept_and_written_on_a_new_edition_of_the_card(version: Version) -> None:
    evidence = make_evidence(version, "pass")

    card = version.cards.latest("edition")
    assert card.edition == 2
    assert card.content["evidence"][0]["digest"] == evidence.digest
    assert card.content["ReleaseInfo"]["ReleaseStage"] == "Before deployment; audited: pass"


def test_the_same_evidence_again_changes_nothing(version: Version) -> None:
    source = uuid.uuid4()
    record(version, source)
    record(version, source)

    assert version.evidence.count() == 1
    assert version.cards.count() == 2


@pytest.mark.parametrize("other", [{"digest": "b" * 64}, {"verdict": "fail"}])
def test_a_source_cannot_give_other_results_later(version: Version, other: dict) -> None:
    source = uuid.uuid4()
    record(version, source)

    with pytest.raises(Conflict, match="already on record with other results"):
        record(version, source, **other)


def test_an_unknown_verdict_is_refused(version: Version) -> None:
    with pytest.raises(ApplicationError, match="Expected a verdict among pass, fail"):
        record(version, uuid.uuid4(), verdict="passed")


def test_new_evidence_voids_a_request_under_review(approval: ApprovalRequest) -> None:
    make_evidence(approval.version, "pass")

    approval.refresh_from_db()
    assert approval.state == State.VOIDED and approval.closed_at is not None


def test_new_evidence_voids_an_approval_that_is_not_deployed(world: World) -> None:
    request = make_approved_request(world)

    make_evidence(request.version, "fail")

    request.refresh_from_db()
    assert request.state == State.VOIDED


def test_new_evidence_leaves_a_deployed_approval_as_it_is(world: World) -> None:
    deployment = make_deployment(world)

    make_evidence(deployment.version, "fail")

    deployment.approval.refresh_from_db()
    assert deployment.approval.state == State.APPROVED


def test_new_evidence_leaves_other_versions_alone(world: World, version: Version, approval: ApprovalRequest) -> None:
    other = make_request(world)

    make_evidence(approval.version, "pass")

    other.refresh_from_db()
    assert other.state == State.UNDER_REVIEW


def test_evidence_keeps_what_people_wrote_on_the_card(world: World, version: Version) -> None:
    services.card_edit(version=version, texts={"HowToUse": "With care."}, actor=world.people.administrator)

    make_evidence(version, "pass")

    assert version.cards.latest("edition").content["UsesAndDirections"]["HowToUse"] == "With care."
