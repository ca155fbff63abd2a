from __future__ import annotations

import pytest

from core.errors import ApplicationError, Conflict
from federation.domain.messages import digest
from models_registry import services
from models_registry.models import ApprovalRequest, Version
from tests.factories.federation import World
from tests.factories.registry import make_evidence


def ask(world: World, version: Version, kind: str = "clinical", **fields) -> ApprovalRequest:
    values = {"justification": "For the ward.", "actor": world.people.administrator, **fields}
    return services.approval_request(version=version, kind=kind, **values)


def test_a_request_binds_the_digests_of_everything_that_is_reviewed(world: World, audited: Version) -> None:
    request = ask(world, audited)

    assert request.state == ApprovalRequest.State.UNDER_REVIEW
    assert request.content == {
        "weights": audited.weights_digest,
        "baseline": audited.baseline_digest,
        "config": audited.config_hash,
        "manifests": digest(audited.manifests),
        "card": audited.cards.latest("edition").digest,
        "audit": audited.evidence.get().digest,
        "policy": digest(request.policy),
    }
    assert request.content_digest == digest(request.content)


def test_the_policy_is_the_platforms_unless_chosen_otherwise(world: World, audited: Version) -> None:
    policy = ask(world, audited, policy={"threshold": 0.05, "max_predictions": 500}).policy

    assert (policy["threshold"], policy["max_predictions"]) == (0.05, 500)
    assert (policy["alpha"], policy["arl"]) == (0.05, 10_000)
    assert policy["metrics"] == ["tpr", "fpr", "accuracy", "selection_rate", "calibration"]
    assert policy["groups"] == {"sex": ["female", "male"]}


def test_the_policy_is_one_that_the_monitor_takes(world: World, audited: Version) -> None:
    from audits.domain.monitor.policy import MonitorPolicy

    assert len(MonitorPolicy.from_dict(ask(world, audited).policy).streams) == 5


@pytest.mark.parametrize(
    "policy",
    [{"threshold": 0.2}, {"threshold": 0}, {"threshold": "0.1"}, {"threshold": True}, {"alpha": 0.5}, {"arl": 1},
     {"max_predictions": 0}, {"max_predictions": 1.5}, {"metrics": []}, {"threshold": float("nan")},
     {"advisory": ["tpr"]}, {"advisory": "calibration"}, {"intersections": "sex"}, {"intersections": [["sex", "age"]]},
     {"intersections": [["sex", "sex"]]}, {"amber_days": 0}, {"min_group": 0}, {"patients_per_day": 0}],
)  # fmt: skip
def test_a_policy_out_of_range_is_refused(world: World, audited: Version, policy: dict) -> None:
    with pytest.raises(ApplicationError, match="[Ee]xpected"):
        ask(world, audited, policy=policy)


SCOPE = [
    ({"sites": ["south", "north", "south"]}, ["north", "south"]),
    ({"age": [18, 65]}, [18, 65]),
    ({"devices": ["Scan Two ", "Scan One"]}, ["Scan One", "Scan Two"]),
    ({"regulatory": "investigational"}, "investigational"),
    ({"appeal_days": 14}, 14),
]


@pytest.mark.parametrize(("policy", "kept"), SCOPE)
def test_the_scope_that_is_asked_for_is_approved_with_the_rest(world, audited, policy: dict, kept) -> None:
    made = ask(world, audited, policy=policy)

    (name,) = policy
    assert made.policy[name] == kept
    assert made.content["policy"] == digest(made.policy)


@pytest.mark.parametrize(
    "policy",
    [{"sites": []}, {"sites": ["elsewhere"]}, {"sites": "north"}, {"sites": [1]}, {"age": [65, 18]}, {"age": [18]},
     {"age": [18.5, 65]}, {"age": [-1, 65]}, {"age": [0, 131]}, {"age": None}, {"age": [True, 65]}, {"devices": []},
     {"devices": [""]}, {"devices": ["a\nb"]}, {"devices": ["x" * 81]}, {"devices": ["x"] * 51},
     {"regulatory": "approved"}, {"regulatory": None}, {"appeal_days": 0}, {"appeal_days": 91}],
)  # fmt: skip
def test_a_scope_that_cannot_be_enforced_is_refused(world, audited, policy: dict) -> None:
    with pytest.raises(ApplicationError, match="expected"):
        ask(world, audited, policy=policy)


def test_what_is_for_research_only_is_never_asked_for_in_clinical_use(world, audited) -> None:
    with pytest.raises(ApplicationError, match="research only"):
        ask(world, audited, policy={"regulatory": "research"})
    assert ask(world, audited, "shadow", policy={"regulatory": "research"}).policy["regulatory"] == "research"


def test_a_version_that_was_never_audited_is_refused(world: World, version: Version) -> None:
    for kind in ApprovalRequest.Kind:
        with pytest.raises(Conflict, match="never audited"):
            ask(world, version, kind)


def test_a_failed_version_is_refused_for_any_use(world: World, version: Version) -> None:
    make_evidence(version, "fail")

    for kind in ApprovalRequest.Kind:
        with pytest.raises(Conflict, match="verdict is fail"):
            ask(world, version, kind)


@pytest.mark.parametrize("verdict", ["inconclusive", "not_assessable"])
def test_what_is_not_conclusive_gets_a_shadow_and_nothing_more(world: World, version: Version, verdict: str) -> None:
    make_evidence(version, verdict)

    with pytest.raises(Conflict, match="blocks clinical use"):
        ask(world, version)
    assert ask(world, version, "shadow").policy["max_predictions"] == 1000


def test_the_newest_audit_counts(world: World, audited: Version) -> None:
    make_evidence(audited, "fail")

    with pytest.raises(Conflict, match="verdict is fail"):
        ask(world, audited)


def test_evidence_of_another_kind_opens_no_gate(world: World, version: Version) -> None:
    services.evidence_record(
        version=version, kind="opinion", source_id=version.id, verdict="pass", digest="a" * 64, summary={}
    )

    with pytest.raises(Conflict, match="never audited"):
        ask(world, version)


def test_one_kind_is_under_review_once(world: World, audited: Version) -> None:
    ask(world, audited)

    with pytest.raises(Conflict, match="already under review"):
        ask(world, audited)
    assert ask(world, audited, "shadow")


def test_after_a_withdrawal_one_can_ask_again(world: World, approval: ApprovalRequest) -> None:
    services.approval_withdraw(request=approval, actor=world.people.administrator)

    assert ask(world, approval.version)
    with pytest.raises(Conflict, match="withdrawn"):
        services.approval_withdraw(request=approval, actor=world.people.administrator)


@pytest.mark.parametrize("fields", [{"kind": "anything"}, {"justification": "  "}])
def test_bad_input_is_refused(world: World, audited: Version, fields: dict) -> None:
    with pytest.raises(ApplicationError):
        ask(world, audited, **fields)
