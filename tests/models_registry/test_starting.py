"""From which versions a run may begin, and what is frozen of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from core import artefacts
from core.errors import ApplicationError, Conflict, NotFound
from federation import services as federation_services
from federation import starting
from federation.agreements import agreement_record
from federation.domain.messages import digest
from federation.domain.start import Start
from federation.models import DataManifest, Federation, Participant, Reconsideration, TrainingRun
from models_registry import binding, services
from models_registry.binding import BOARD
from models_registry.models import Version
from models_registry.services import version_create
from tests.factories.federation import World, make_finished_run
from tests.factories.registry import make_deployment, make_evidence

TERMS = {
    "lawfulness": "gdpr_6_1_e", "special_category": "gdpr_9_2_j", "hipaa": "not_applicable",
    "ethics": {"body": "REC", "number": "1", "valid_until": (timezone.now() + timedelta(days=400)).date().isoformat()},
}  # fmt: skip


def propose(world: World, of: Version, *, federation: Federation | None = None, seed: int = 1, **start) -> TrainingRun:
    into = federation or world.federation
    given = {"version": str(of.id), **start}
    terms = {} if into.synthetic else {"terms": TERMS}
    return federation_services.run_propose(
        federation=into, name="Next", rounds=1, seed=seed, actor=world.people.administrator, start=given, **terms
    )


def other_federation(world: World, *, members=("north", "south"), **changes) -> Federation:
    """Another one, with the same hospitals or some of them and one that lent nothing before."""
    made = Federation.objects.create(
        name="Second", purpose="Testing", data_title="Test data", task=changes.pop("task", "classification"),
        synthetic=changes.pop("synthetic", True),
    )  # fmt: skip
    content = world.participants["north"].manifests.get().content
    for site in (*members, "other"):
        institution = getattr(world.people, site, None) or world.people.outsider.memberships.get().institution
        joined = Participant.objects.create(federation=made, institution=institution, site=site, public_key="")
        held = {**content, "site": site, "sha256": digest(site), "title": "Other data", "task": made.task, **changes}
        DataManifest.objects.create(participant=joined, digest=digest(held), content=held)
    return made


def agree(world: World, federation: Federation, *, ends_in: int | None = None) -> None:
    today = timezone.now().date()
    for participant in federation.participants.all():
        agreement_record(
            participant=participant, role="joint_controller", liability="Each.", contact="The office",
            signed_on=today - timedelta(days=60), document_hash="e" * 64, actor=world.people.administrator,
            ends_on=None if ends_in is None else today + timedelta(days=ends_in),
        )  # fmt: skip


def test_all_weights_are_taken_with_the_models_and_whose_patients_they_carry(world, version):
    start = Start.from_dict(propose(world, version).config["start"])
    assert (start.version, start.name, start.encoder) == (str(version.id), str(version), None)
    assert start.taken == start.weights == {"primary": version.weights_digest, "baseline": version.baseline_digest}
    assert (start.learned_from, start.unclear, start.epsilon) == (("Hospital north", "Hospital south"), (), None)


def test_other_data_of_the_same_hospital_are_named_as_unclear(world, version):
    start = Start.from_dict(propose(world, version, federation=other_federation(world), seed=9).config["start"])
    assert start.unclear == ("north", "south")  # and not the hospital that had lent nothing


def test_a_line_of_versions_adds_up_whose_patients_they_carry_and_what_these_have_spent(world, version):
    second = other_federation(world)
    run = propose(world, version, federation=second, encoder="frozen")
    finished = make_finished_run(World(world.people, second, {p.site: p for p in second.participants.all()}))
    config = {**finished.config, "format": 3, "start": run.config["start"]}
    TrainingRun.objects.filter(id=finished.id).update(config=config, config_hash=digest(config))
    finished.refresh_from_db()
    made = version_create(run=finished)
    source = starting.source_for(second, {"version": str(made.id)}, actor=world.people.administrator)
    assert source is not None and [one.name for one in starting.line_of(source)] == [str(made), str(version)]
    third = Start.from_dict(propose(world, made, federation=second).config["start"])
    assert third.learned_from == ("Hospital north", "Hospital other", "Hospital south") and third.epsilon is None
    lose(world, version)  # of the first: what began from it has learned from these data too
    assert "lent no more" in binding.lost_permission(made)
    with pytest.raises(Conflict, match="lent no more"):
        propose(world, made, federation=second)


def lose(world: World, version: Version) -> None:
    Reconsideration.objects.create(
        run=version.run, participant=world.participants["north"], cause="withdrawal",
        opened_by=world.people.operator_north, due_at=timezone.now() + timedelta(days=30),
    )  # fmt: skip


def block(world: World, version: Version) -> None:
    services.evidence_record(
        version=version, kind=BOARD, source_id=uuid.uuid4(), verdict="fail", digest="d" * 64,
        summary={"finding": "one", "severity": "critical", "board": "Independent board", "told": []},
    )  # fmt: skip


def end(state: str) -> Callable[[World, Version], None]:
    def ended(world: World, version: Version) -> None:
        make_evidence(version, "pass")
        from core.context import governed

        deployment = make_deployment(world, version=version)
        with governed(action="deployment.test"):
            services.deployment_set_state(deployment=deployment, state=state)

    return ended


def forget(world: World, version: Version) -> None:
    artefacts.remove(version.weights_digest)


def nothing(world: World, version: Version) -> None:
    pass


@pytest.mark.parametrize(
    ("happened", "start", "told"),
    [
        (lose, {}, "lent no more"),
        (block, {}, "finding of Independent board"),
        (end("halted"), {}, "Ward is halted"),
        (end("revoked"), {}, "Ward was revoked"),
        (forget, {}, "not in the store"),
        (nothing, {"seed": 2}, "expected the seed 1"),
        (nothing, {"encoder": "thawed"}, "tuned or frozen"),
        (nothing, {"weights": "all"}, "expected a start with encoder and version"),
        (nothing, {"version": str(uuid.uuid4())}, "no such version"),
        (nothing, {"version": "the first"}, "no such version"),
    ],
)
def test_no_run_begins_from_what_is_withdrawn_or_unfit(world, version, happened, start, told):
    happened(world, version)
    with pytest.raises(ApplicationError, match=told):
        propose(world, version, **start)
    assert TrainingRun.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "start", "told"),
    [
        ({"shape": [5]}, {}, "does not fit the sites' data"),
        ({"task": "segmentation", "shape": [1, 32, 32]}, {}, "expected a version for segmentation"),
        ({"task": "segmentation", "shape": [1, 32, 32]}, {"encoder": "frozen"}, "no way back to an image"),
    ],
)
def test_no_run_begins_from_a_version_for_other_data(world, version, changes, start, told):
    with pytest.raises(ApplicationError, match=told):
        propose(world, version, federation=other_federation(world, **changes), **start)


def test_a_version_is_taken_only_by_who_may_see_it(world, version):
    given = {"version": str(version.id)}
    assert starting.source_for(world.federation, given, actor=world.people.officer_north) is not None
    with pytest.raises(NotFound):
        starting.source_for(world.federation, given, actor=world.people.outsider)


def test_what_was_learned_from_patients_goes_only_where_their_hospitals_agree(world, version):
    Federation.objects.filter(id=world.federation.id).update(synthetic=False)
    world.federation.refresh_from_db()
    agree(world, world.federation)
    propose(world, version)
    without = other_federation(world, members=("north",), synthetic=False)
    agree(world, without)
    with pytest.raises(Conflict, match="learned from patients of Hospital south, who neither take part"):
        propose(world, version, federation=without, seed=4)
    south = world.participants["south"]  # it leaves; what it lent is covered by its agreement, while that holds
    Participant.objects.filter(id=south.id).update(is_active=False)
    joined = Participant.objects.create(
        federation=world.federation, institution=world.people.outsider.memberships.get().institution, site="other",
        public_key="",
    )  # fmt: skip
    held = {**south.manifests.get().content, "site": "other"}
    DataManifest.objects.create(participant=joined, digest=digest(held), content=held)
    agree(world, world.federation)
    run = propose(world, version)
    agree_until_yesterday(world, south)
    with pytest.raises(Conflict, match="Hospital south"):
        starting.refuse_unless_usable(run)
    with pytest.raises(Conflict, match="Hospital south"):
        propose(world, version)


def agree_until_yesterday(world: World, participant: Participant) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    agreement_record(
        participant=participant, role="joint_controller", liability="Each.", contact="The office",
        actor=world.people.administrator, signed_on=yesterday, ends_on=yesterday, document_hash="e" * 64,
    )  # fmt: skip


def test_the_form_offers_fitting_versions_and_freezes_the_choice(world, version, page):
    browser, url = page(world.people.administrator), f"/federations/{world.federation.id}/"
    assert f'value="{version.id}"' in browser.get(url).content.decode()
    fields = {
        "name": "Next", "rounds": 1, "seed": 1, "strategy": "fedavg", "privacy": "none", "messages": "none",
        "start": str(version.id), "start_encoder": "frozen", "terms-purpose": "Testing",
        "terms-lawfulness": "no_personal_data", "terms-special_category": "no_personal_data",
        "terms-hipaa": "no_personal_data",
    }  # fmt: skip
    wrong = browser.post(f"{url}runs/", {**fields, "seed": 8})
    assert "expected the seed 1" in wrong.content.decode()
    answer = browser.post(f"{url}runs/", fields)
    run = TrainingRun.objects.exclude(id=version.run_id).get()
    assert answer.status_code == 302 and run.config["start"]["encoder"] == "frozen"
    told = browser.get(f"/runs/{run.id}/terms/").content.decode()
    assert "its encoder is taken and stays as it is" in told and "Hospital north, Hospital south" in told
    narrow = other_federation(world, shape=[5])
    assert str(version.id) not in browser.get(f"/federations/{narrow.id}/").content.decode()


def test_the_api_proposes_a_run_from_a_version_and_refuses_with_the_reason(world, version, api):
    person, url = api(world.people.administrator), f"/api/v1/federations/{world.federation.id}/runs"
    body = {"name": "Next", "rounds": 1, "seed": 1, "start": {"version": str(version.id), "encoder": None}}
    made = person.post(url, body, format="json")
    assert made.status_code == 201, made.json()
    assert made.json()["config"]["start"]["weights"]["primary"] == version.weights_digest
    refused = person.post(url, {**body, "start": {"version": str(uuid.uuid4())}}, format="json")
    assert refused.status_code == 404 and "no such version" in str(refused.json())


def test_a_choice_of_models_does_not_go_with_a_version(world, version):
    with pytest.raises(ApplicationError, match="no other models"):
        federation_services.run_propose(
            federation=world.federation, name="Next", rounds=1, seed=1, actor=world.people.administrator,
            start={"version": str(version.id)}, model={"layers": 2},
        )  # fmt: skip
