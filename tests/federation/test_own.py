"""A role decides in the federations of its own institution, even for somebody who sees them all."""

from __future__ import annotations

from datetime import date

import pytest
from django.urls import reverse

from accounts.models import Membership
from core.errors import Forbidden
from core.roles import Role
from federation import agreements, contribution_studies, contributions, door, feature_studies, joining, qkd, services
from federation.models import Participant, SitePass, TrainingRun
from tests.factories.federation import make_federation, make_finished_run, make_run
from tests.factories.people import make_institution, make_people, make_user

pytestmark = pytest.mark.django_db
SIGNED = {"role": "data_holder", "liability": "own", "contact": "desk", "signed_on": date(2026, 1, 1),
          "document_hash": "0" * 64}  # fmt: skip
CALLS = {
    "propose": lambda w, who: services.run_propose(federation=w.federation, name="x", rounds=1, seed=1, actor=who),
    "start": lambda w, who: services.run_start(run=make_run(w, state="approved"), actor=who),
    "pause": lambda w, who: services.run_pause(run=make_run(w, state="running"), actor=who),
    "resume": lambda w, who: services.run_resume(run=make_run(w, state="paused"), actor=who),
    "abort": lambda w, who: services.run_abort(run=make_run(w), reason="mine", actor=who),
    "agreement": lambda w, who: agreements.agreement_record(participant=w.participants["north"], actor=who, **SIGNED),
    "features": lambda w, who: feature_studies.study_start(federation=w.federation, features=(), epsilon=1, actor=who),
    "contribution": lambda w, who: contribution_studies.study_start(run=make_finished_run(w), actor=who),
    "influence": lambda w, who: contributions.study_start(run=make_finished_run(w), actor=who),
    "links": lambda w, who: qkd.links_check(federation=w.federation, actor=who),
    "rehearsal": lambda w, who: qkd.rehearsal_start(federation=w.federation, loss=0.1, error=0.01, actor=who),
    "revoke": lambda w, who: door.revoke(
        row=SitePass(participant=w.participants["north"], kind=SitePass.Kind.DOOR), actor=who
    ),
    "invite": lambda w, who: joining.invitation_offer(
        federation=w.federation, institution=w.people.south, site="south-2", days=3, actor=who
    ),
}  # fmt: skip


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def auditor_elsewhere_administrator():
    """Sees every federation as an auditor of the platform, and administers a hospital that is in none."""
    person = make_user("both@test.example", Role.AUDITOR)
    Membership.objects.create(user=person, institution=make_institution("faraway"), role=Role.ADMINISTRATOR)
    return person


@pytest.mark.parametrize("call", CALLS)
def test_a_role_at_another_hospital_decides_nothing_here(world, auditor_elsewhere_administrator, call):
    before = set(TrainingRun.objects.values_list("id", "state"))
    with pytest.raises(Forbidden):
        CALLS[call](world, auditor_elsewhere_administrator)
    made = TrainingRun.objects.exclude(id__in=[one for one, _ in before])
    assert not made.exclude(state__in=["approved", "running", "paused", "proposed", "finished"]).exists()
    assert not made.exclude(name="Run").exists()  # what the call itself was given to change


def test_the_page_refuses_in_words(world, auditor_elsewhere_administrator, client_of):
    run = make_run(world, state=TrainingRun.State.RUNNING)
    answer = client_of(auditor_elsewhere_administrator).post(reverse("run_pause", args=[run.id]), follow=True)
    assert "of an institution that has no part in Trial" in answer.content.decode()
    run.refresh_from_db()
    assert run.state == "running"


@pytest.mark.parametrize("who", ["platform", "north"])
def test_an_administrator_of_the_platform_or_of_a_hospital_that_takes_part_may(world, who):
    person = world.people.administrator
    if who == "north":
        person = make_user("admin.north@test.example", Role.ADMINISTRATOR, world.people.north)
    run = services.run_propose(federation=world.federation, name="x", rounds=1, seed=1, actor=person)
    services.run_abort(run=run, reason="a try", actor=person)
    run.refresh_from_db()
    assert run.state == "aborted"


def test_who_takes_part_no_more_decides_no_more(world):
    person = make_user("admin.north@test.example", Role.ADMINISTRATOR, world.people.north)
    run = make_run(world, state=TrainingRun.State.RUNNING)
    Participant.objects.filter(id=world.participants["north"].id).update(is_active=False)
    with pytest.raises(Forbidden):
        services.run_pause(run=run, actor=person)
