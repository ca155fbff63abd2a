"""A deployment is decided on over the chain by those who may see it, under the digest of its approval."""

import uuid

import pytest

from core.errors import Conflict
from core.roles import Role
from models_registry.on_chain import approved_contents
from provenance import decisions, subjects
from provenance.domain.decision import Verdict
from tests.factories.chain import chain_state, key_of, register
from tests.factories.people import make_user
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(world):
    return make_deployment(world)


def test_who_takes_part_and_the_platform_see_what_was_approved(world, deployment):
    name, people = str(deployment.id), world.people
    for user in (people.administrator, people.auditor, people.officer_north, people.officer_south):
        assert approved_contents([name], user) == {name: deployment.approval.content_digest}
    assert approved_contents([name], people.outsider) == {}


@pytest.mark.parametrize("spelling", [str.upper, lambda name: name.replace("-", ""), lambda name: f"{{{name}}}"])
def test_one_object_has_one_name(world, deployment, spelling):
    assert approved_contents([spelling(str(deployment.id))], world.people.administrator) == {}


@pytest.mark.parametrize("name", ["", "x", "\0", str(uuid.UUID(int=7)), "0" * 5000])
def test_what_is_no_deployment_is_unknown(world, name):
    assert approved_contents([name], world.people.administrator) == {}


def test_an_administrator_of_another_hospital_proposes_nothing_here(world, deployment):
    chain_state()
    local = make_user("local@test.example", Role.ADMINISTRATOR, world.people.outsider.institution)
    proposal = {"object_id": str(deployment.id), "verdict": Verdict.PROPOSE, "rationale": "Ready."}
    for number, user in enumerate((local, world.people.administrator), 700):
        register(user, key_of(number))
    with pytest.raises(subjects.NoSuchSubject):
        decisions.decision_propose(**proposal, actor=local)
    with pytest.raises(Conflict, match="approved content"):
        decisions.decision_propose(**proposal, actor=world.people.administrator, content_digest="cd" * 32)
    made = decisions.decision_propose(**proposal, actor=world.people.administrator)
    assert made.content_digest == deployment.approval.content_digest
    assert list(subjects.decisions_for(world.people.officer_north)) == [made]
    assert not subjects.decisions_for(local).exists()
