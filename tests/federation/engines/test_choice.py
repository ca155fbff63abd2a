"""A run names what carries its orders, in what the sites consent to, and its orders take that way and no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from federation import mailbox, services
from federation.domain.run_config import RunConfig
from federation.engines import flare, flare_kit, local
from federation.engines import state as engines
from federation.engines.choice import engine_of
from federation.engines.flare_house import House
from federation.models import EngineState, Participant, RunEngine, SiteOrder, TrainingRun
from federation.site.handlers import OrderRefused, Site, frozen_config
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people
from tests.factories.postbox import approve_at
from tests.federation.test_training_rounds import Trial

pytestmark = pytest.mark.django_db
FLARE = {"name": "flare"}


@pytest.mark.parametrize(
    ("body", "engine"),
    [
        ({}, local), ({"run": "r", "config": {}}, local), ({"run": "r", "config": {"engine": FLARE}}, flare),
        ({"config": {"engine": FLARE}}, local),  # a proposal is about no run yet
    ],
)  # fmt: skip
def test_an_order_goes_the_way_that_was_consented_to(body, engine):
    assert engine_of(SiteOrder(participant=Participant(), body=body)) is engine
    assert engine_of(SiteOrder(participant=Participant(is_over_flare=True), body=body)) is flare


def test_the_engine_is_part_of_the_hash_and_has_one_spelling():
    config = RunConfig.from_dict(make_run(make_federation(make_people())).config)
    raw = {**config.as_dict(), "format": 3}
    over_flare = RunConfig.from_dict({**raw, "engine": FLARE})
    assert over_flare.carried_by == "flare" and config.carried_by == "local"
    assert over_flare.hash != config.hash
    for bad in ({"name": "local"}, {"name": "flower"}, {}, {"name": "flare", "more": 1}):
        with pytest.raises(ValueError, match="expected an engine among"):
            RunConfig.from_dict({**raw, "engine": bad})


def test_where_a_site_works_over_flare_alone_the_form_offers_flare_and_other_runs_are_refused(client_of):
    world = make_federation(make_people())
    Participant.objects.filter(site="north").update(is_over_flare=True)
    client = client_of(world.people.administrator)
    page = client.get(reverse("federation", args=[world.federation.id])).content.decode()
    assert "Over FLARE alone: north." in page and '<option value="flare" selected>' in page
    answer = propose(world, client_of, engine="local")
    assert answer.status_code == 409 and "north joined over NVIDIA FLARE alone" in answer.content.decode()


def propose(world, client_of, **form):
    body = {"name": "First", "rounds": 2, "seed": 3, "privacy": "recommended", "epsilon_budget": 4, **form}
    return client_of(world.people.administrator).post(reverse("run_propose", args=[world.federation.id]), body)


@pytest.mark.parametrize(
    ("state", "age", "said"),
    [
        (None, 0, "installs it (`make flare`)"), ("missing", 0, "install it with: make flare"),
        ("ready", 60, "is silent"), ("failed", 0, "address in use"), ("ready", 0, ""),
    ],
)  # fmt: skip
def test_flare_is_refused_with_what_to_do_unless_it_is_ready(client_of, state, age, said):
    world = make_federation(make_people())
    details = {"missing": "install it with: make flare", "failed": "address in use"}
    if state:
        engines.report("flare", state, details.get(state, ""))
        EngineState.objects.update(at=timezone.now() - timedelta(seconds=age))
    answer = propose(world, client_of, engine="flare")
    if said:
        assert answer.status_code == 409 and said in answer.content.decode()
        assert not TrainingRun.objects.exists()
    else:
        run = TrainingRun.objects.get()
        assert run.config["engine"] == FLARE and RunEngine.objects.get().run == run
        page = client_of(world.people.auditor).get(reverse("run", args=[run.id])).content.decode()
        assert "Carried by" in page and "Never connected" in page
    assert propose(world, client_of, name="Second", engine="local").status_code == 302


def test_where_flare_is_not_installed_the_house_says_how_to(tmp_path, monkeypatch):
    monkeypatch.setattr(flare_kit, "ENVIRONMENT", tmp_path)
    House("localhost:18103").step()
    assert "make flare" in engines.why_not("flare") and EngineState.objects.get().state == "missing"
    for bad in ("", "1", "localhost", "localhost:0"):
        with pytest.raises(ValueError, match="expected QFL_FLARE as host:port"):
            House(bad)


def test_a_site_refuses_an_order_that_comes_another_way_than_was_consented_to(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    trial = Trial(tmp_path)
    trial.manifests()
    engines.report("flare", "ready")
    run = trial_run(trial, engine=FLARE)
    order = SiteOrder(kind="train", body={"config": run.config, "config_hash": run.config_hash})
    site = trial.sites["phantom-1"]
    approve_at(site, RunConfig.from_dict(run.config))
    with pytest.raises(OrderRefused, match="carried by flare; this one came by local"):
        frozen_config(site, order)
    assert frozen_config(Site(site.home, engine="flare"), order).hash == run.config_hash


def trial_run(trial: Trial, **parts) -> TrainingRun:
    return services.run_propose(
        federation=trial.federation, name="Run", rounds=1, seed=1, actor=trial.people.administrator,
        local={"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "dp": None}, **parts,
    )  # fmt: skip
