import pytest

from core.errors import ApplicationError
from federation.domain.messages import digest
from federation.models import DataManifest
from models_registry.models import ApprovalRequest, Version
from models_registry.policies import policy_of
from tests.factories.registry import make_evidence, make_request, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(world) -> Version:
    made = make_version(world)
    make_evidence(made)
    return made


def ask(version, **chosen):
    return policy_of(version=version, kind="clinical", chosen=chosen)


def regroup(groups: dict) -> None:
    for manifest in DataManifest.objects.all():
        DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, "groups": groups})


def test_a_request_states_when_gaps_would_be_found_and_the_signature_covers_it(world, version):
    request = make_request(world, version=version)
    told = request.policy["forecast"]
    assert [row["gap"] for row in told["gaps"]] == [0.15, 0.2, 0.3]
    assert told["gaps"][0]["patients"] > told["gaps"][1]["patients"] > told["gaps"][2]["patients"] > 0
    assert request.policy["max_predictions"] == told["proposed"] == told["gaps"][0]["patients"]
    assert request.content["policy"] == digest(request.policy)
    assert ApprovalRequest.objects.get().content_digest == digest(request.content)


def test_what_had_to_be_assumed_is_said(version):
    assert "prevalence 0.5" in ask(version)["forecast"]["assumed"]
    known = ask(version, patients_per_day=20, label_delay_days=30)["forecast"]
    assert not any("delay" in words or "a day" in words for words in known["assumed"])
    assert known["gaps"][2]["patients"] == ask(version)["forecast"]["gaps"][2]["patients"] + 600
    assert known["gaps"][2]["days"] == pytest.approx(known["gaps"][2]["patients"] / 20, abs=0.1)


def test_what_the_requester_grants_stays(version):
    assert ask(version, max_predictions=77)["max_predictions"] == 77


def test_small_groups_are_not_compared_and_are_named(version):
    regroup({"sex": {"female": 500, "male": 500, "other": 2}})
    policy = ask(version)
    assert policy["groups"] == {"sex": ["female", "male"]}
    assert policy["not_compared"] == ["sex = other (4)"]
    assert ask(version, min_group=4)["groups"] == {"sex": ["female", "male", "other"]}


def test_intersections_are_declared_where_they_are_large_enough(version):
    regroup({"sex": {"female": 500, "male": 500}, "age_band": {"old": 900, "young": 100}})
    declared = ask(version)["groups"]["age_band × sex"]
    assert declared == ["old × female", "old × male"]  # 1,800 × 1/2 each; young: 200 × 1/2
    assert len(ask(version, min_crossed=50)["groups"]["age_band × sex"]) == 4
    assert "age_band × sex" not in ask(version, intersections=[])["groups"]
    assert ask(version, intersections=[["sex", "age_band"]])["groups"]["age_band × sex"] == declared


def test_a_policy_under_which_nothing_can_halt_is_refused_on_request(version):
    with pytest.raises(ApplicationError, match="expected some of"):
        ask(version, detectors=[])
    with pytest.raises(ApplicationError, match="detectors: expected a list"):
        ask(version, detectors=["window"])
    assert ask(version, detectors=["betting"])["detectors"] == ["betting"]


def test_without_two_groups_it_says_so(version):
    regroup({"sex": {"female": 500}})
    assert ask(version)["forecast"]["streams"] == 0


def test_the_page_of_the_request_shows_it(world, version, client_of):
    request = make_request(world, version=version)
    shown = client_of(world.people.officer_north).get(f"/approvals/{request.id}/").content.decode()
    assert "What the monitor would find, and when" in shown
    assert "Too small to be compared" in shown
