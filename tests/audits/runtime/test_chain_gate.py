"""A deployment whose policy asks for the chain's approval is served on the chain's word, and on nothing less."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audits.runtime.halting import halt_create
from audits.runtime.models import Prediction
from core.errors import ApplicationError
from models_registry.policies import policy_of
from provenance import decisions
from provenance.domain.decision import SubjectState, Verdict
from provenance.models_decisions import ChainDecision, ChainSubject
from tests.factories.chain import chain_state, key_of, make_chain, register
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db


@pytest.fixture
def asking(world):
    """Make a deployment with this policy of the chain; `state` is what the mirror says of it."""

    def make(mode, state=None, *, age=0, digest=None, max_age=None):
        policy = {"chain": mode} | ({"chain_max_age_s": max_age} if max_age else {})
        deployment = make_deployment(world, policy=policy)
        if state is None:
            return deployment
        chain_state()
        register(world.people.administrator, key_of(900))
        proposal = decisions.decision_propose(
            object_id=str(deployment.id), verdict=Verdict.PROPOSE, rationale="Ready.", actor=world.people.administrator,
        )  # fmt: skip
        if digest:
            ChainDecision.objects.update(content_digest=digest)  # as it stands if somebody edits the approval
        if state != "unread":
            ChainSubject.objects.create(
                subject=proposal.subject, object_id=proposal.object_id, state=int(state), nonce=2,
                proposer=proposal.proposer, read_at=timezone.now() - timedelta(seconds=age),
            )  # fmt: skip
        return deployment

    return make


@pytest.fixture
def ask(north, cases):
    return lambda deployment, name="a": north.post(deployment, "predictions", {"records": [cases(name)]})


def test_a_policy_that_does_not_ask_needs_no_chain(deployment, ask, asking):
    assert ask(deployment).status_code == 200
    assert ask(asking("off")).status_code == 200


def test_what_the_chain_approves_is_served_without_a_warning(asking, ask):
    answer = ask(asking("required", SubjectState.APPROVED))
    assert answer.status_code == 200 and "warnings" not in answer.json()


@pytest.mark.parametrize("state", [s for s in SubjectState if s is not SubjectState.APPROVED])
def test_anything_but_approved_is_refused(asking, ask, state):
    answer = ask(asking("required", state))
    assert answer.status_code == 423 and answer.json()["chain"] == state.name.lower()
    assert not Prediction.objects.exists()


def test_what_was_never_proposed_is_refused(asking, ask):
    answer = ask(asking("required"))
    assert answer.status_code == 423 and "never proposed" in answer.json()["message"]


def test_a_mirror_that_was_never_read_is_refused(asking, ask):
    answer = ask(asking("required", "unread"))
    assert answer.status_code == 503 and "never read" in answer.json()["message"]


@pytest.mark.parametrize(
    ("age", "max_age", "status"), [(50, None, 200), (70, None, 503), (70, 90, 200), (-70, None, 503)]
)
def test_an_old_mirror_is_refused_and_so_is_one_from_the_future(asking, ask, age, max_age, status):
    assert ask(asking("required", SubjectState.APPROVED, age=age, max_age=max_age)).status_code == status


def test_an_old_halt_is_a_halt(asking, ask):
    assert ask(asking("required", SubjectState.HALTED, age=10_000)).status_code == 423


def test_an_approval_of_other_content_is_none(asking, ask):
    answer = ask(asking("required", SubjectState.APPROVED, digest="cd" * 32))
    assert answer.status_code == 423 and "other content" in answer.json()["message"]


@pytest.mark.parametrize(("state", "age"), [(None, 0), (SubjectState.HALTED, 0), (SubjectState.APPROVED, 3600)])
def test_an_alarm_serves_and_warns(asking, ask, state, age):
    answer = ask(asking("alarm", state, age=age))
    assert answer.status_code == 200
    (warning,) = answer.json()["warnings"]
    assert "chain" in warning.lower() and Prediction.objects.count() == 1


def test_a_warned_answer_is_repeated_word_for_word(asking, north, cases):
    deployment = asking("alarm", SubjectState.HALTED)
    body = {"records": [cases("a")]}
    first, second = (north.post(deployment, "predictions", body, **{"Idempotency-Key": "k" * 20}) for _ in range(2))
    assert first.json()["warnings"] and first.json() == second.json()


def test_the_platforms_own_halt_needs_no_chain(asking, ask):
    deployment = asking("required", SubjectState.APPROVED)
    halt_create(deployment_id=deployment.id, reason="the gap is too large", position=1)
    answer = ask(deployment)
    assert answer.status_code == 423 and "the gap is too large" in answer.json()["message"]


@pytest.mark.parametrize(
    "chosen", [{"chain": "maybe"}, {"chain": ["required"]}, {"chain": None}, {"chain_max_age_s": 1}, {"chains": "off"}]
)
def test_a_policy_of_the_chain_is_checked(deployment, chosen):
    with pytest.raises(ApplicationError, match="chain"):
        policy_of(version=deployment.version, kind="clinical", chosen=chosen)


def test_the_policy_is_part_of_what_is_approved(asking):
    one, other = asking("required"), asking("alarm")
    assert one.policy["chain"] == "required"
    assert one.approval.content["policy"] != other.approval.content["policy"]


def test_one_officer_halts_on_the_chain_and_the_deployment_stops(world, asking, ask, tmp_path):
    """End to end on the embedded chain: proposed, approved by two, served, halted by one, refused, resumed, served."""
    people, chain = world.people, make_chain(tmp_path)
    try:
        chain.enrol(people.administrator, people.officer_north, people.officer_south)
        deployment = asking("required")

        def decide(verdict, *signers):
            made = decisions.decision_propose(
                object_id=str(deployment.id), verdict=verdict, rationale="Because.", actor=signers[0],
            )  # fmt: skip
            for signer in signers:
                chain.sign(made, signer)
            chain.settle()
            made.refresh_from_db()
            assert made.state == "final", made.error

        both = (people.officer_north, people.officer_south)
        assert ask(deployment).status_code == 423
        decide(Verdict.PROPOSE, people.administrator)
        assert ask(deployment).json()["chain"] == "proposed"
        decide(Verdict.APPROVE, *both)
        assert ask(deployment, "b").status_code == 200
        decide(Verdict.HALT, people.officer_south)
        assert ask(deployment, "c").json()["chain"] == "halted"
        assert Prediction.objects.count() == 1
        decide(Verdict.RESUME, *both)
        assert ask(deployment, "d").status_code == 200
    finally:
        chain.registry.node.close()
