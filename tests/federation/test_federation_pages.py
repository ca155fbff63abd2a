"""Map, traffic and differences: what they say, what they hide, and what they do without."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import artefacts, jobs
from core.models import Job
from federation import contributions, mailbox
from federation.domain import messages
from federation.domain.learning import weights
from federation.domain.messages import Message
from federation.domain.models.registry import build
from federation.models import InfluenceStudy, Participant, Round, SiteOrder, SiteSoftware, SiteUpdate
from federation.site.handlers import known_kinds
from federation.site.worker import keep_alive, software
from federation.version import VERSION
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
PAGES = ("federation_map", "federation_traffic", "federation_differences", "federation_keys", "site_passes")


@pytest.fixture
def world():
    return make_federation(make_people())


def signed_in(world, who: str) -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(world, who: str, name: str, query: str = "") -> str:
    response = signed_in(world, who).get(reverse(name, args=[world.federation.id]) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def make_trained(world, *, rounds: int = 2, records: dict[str, int] | None = None):
    """A run whose sites moved the weights: north by +1, south by -0.5 everywhere."""
    run = make_run(world, state="finished", rounds=rounds)
    made.make_consents(world, run)
    model = build(run.config["models"]["primary"], seed=1)
    start = weights.state_of(model)
    held = artefacts.put(weights.to_bytes(start))
    for done in made.make_done_rounds(run, rounds):
        Round.objects.filter(id=done.id).update(start_weights={"primary": held})
        for site, by in (("north", 1.0), ("south", -0.5)):
            moved = {name: (value + np.float32(by)).astype(np.float32) for name, value in start.items()}
            files = {"primary": artefacts.put(weights.to_bytes(moved))}
            participant = world.participants[site]
            SiteUpdate.objects.create(
                round=done, participant=participant, weights=files, n_records=(records or {}).get(site, 100),
                message_digest="a" * 64, signature="s",
            )  # fmt: skip
            order = made.make_order(done, participant, state="answered")
            SiteOrder.objects.filter(id=order.id).update(
                answer={"seconds": 2.5}, answer_attachments=files, attachments={"primary": held}
            )
    return run


@pytest.mark.parametrize("name", PAGES)
def test_who_reads_them_and_for_whom_they_do_not_exist(world, name):
    url = reverse(name, args=[world.federation.id])
    for who, status in (("administrator", 200), ("operator_south", 200), ("clinician", 403), ("outsider", 404)):
        assert signed_in(world, who).get(url).status_code == status, who


def test_empty_pages_say_what_belongs_there(world):
    assert "No run yet" in page(world, "auditor", "federation_map") and "not told yet" in page(
        world, "auditor", "federation_map"
    )
    assert "No round yet" in page(world, "auditor", "federation_traffic")
    assert "No round yet" in page(world, "auditor", "federation_differences")
    Participant.objects.update(is_active=False)
    assert "Not taking part" in page(world, "auditor", "federation_map")


def hello(world, key, body: dict, kind: str = "hello") -> str:
    north = world.participants["north"]
    north.public_key = messages.dump_public(key)
    north.save(update_fields=["public_key"])
    return mailbox.message_receive(
        participant=north, text=messages.seal(Message(kind, "north", "coordinator", kind, body), key)
    )  # fmt: skip


def test_a_worker_tells_its_version_and_its_orders_and_the_map_shows_them(world):
    key = messages.new_key()
    assert hello(world, key, {"software": software()}) == "hello"
    held = SiteSoftware.objects.get()
    assert held.version == VERSION == settings.VERSION and held.handlers == known_kinds()
    assert {"train", "evaluate", "manifest", "qkd_status"} <= set(held.handlers)
    hello(world, key, {"software": software()})
    assert SiteSoftware.objects.get().reported_at == held.reported_at  # nothing new, nothing written
    said = page(world, "operator_south", "federation_map")
    assert "Healthy" in said and "Never heard" in said and "qkd_status" in said and "Not the coordinator’s" not in said
    hello(world, key, {"software": {**software(), "version": "0.0.9"}})
    assert "Not the coordinator’s" in page(world, "auditor", "federation_map")


@pytest.mark.parametrize("said", [None, "x", {}, {"version": 1, "engine": "x", "handlers": []}, {"version": "1"}])
def test_a_worker_that_tells_nothing_or_nonsense_is_heard_all_the_same(world, said):
    assert hello(world, messages.new_key(), {"software": said}) == "hello"
    assert not SiteSoftware.objects.exists() and world.participants["north"].last_seen_at is None
    world.participants["north"].refresh_from_db()
    assert world.participants["north"].last_seen_at is not None


def test_a_heartbeat_is_a_sign_of_life_and_its_absence_shows(world):
    key = messages.new_key()
    assert hello(world, key, {}, kind="alive") == "alive"
    assert "Healthy" in page(world, "auditor", "federation_map")
    Participant.objects.filter(site="north").update(last_seen_at=timezone.now() - timedelta(minutes=4))
    said = page(world, "auditor", "federation_map")
    assert "Silent" in said and "Healthy<" not in said


def test_the_worker_sends_a_heartbeat_after_each_wait():
    sent, waits = [], []

    class Enough(Exception):
        pass

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise Enough

    class Box:
        def progress(self, message: Message) -> None:
            sent.append((message.kind, message.sender))

    with pytest.raises(Enough):
        keep_alive(Box(), "north", wait=wait)
    assert sent == [("alive", "north")] * 2 and waits == [60.0] * 3


def test_consents_at_a_glance(world):
    run = make_run(world)
    made.make_consents(world, run, of=("north",))
    said = page(world, "auditor", "federation_map")
    assert "Consents<" in said and "Not answered" in said


def test_traffic_by_round_and_site_and_who_was_missing(world):
    run = make_trained(world, rounds=3)
    last = run.rounds.get(number=3)
    SiteOrder.objects.filter(subject=last.id, participant=world.participants["south"]).update(state="cancelled")
    said = page(world, "operator_north", "federation_traffic")
    size = sum(artefacts.size(d) for d in last.updates.first().weights.values())
    assert size > 100 and said.count("2.50") >= 6 and "Dropped out" in said
    assert "not measured" in said  # scoring was not asked
    assert '<td data-label="Missed" class="num">1</td>' in said and '<td data-label="Missed" class="num">0</td>' in said
    assert page(world, "auditor", "federation_traffic", query="?run=nonsense&page=99")


def test_bytes_of_a_file_that_is_gone_are_unknown(world):
    assert artefacts.size("0" * 64) is None
    run = make_trained(world, rounds=1)
    SiteOrder.objects.filter(subject__in=run.rounds.values("id")).update(answer_attachments={"primary": "0" * 64})
    assert "not measured" in page(world, "auditor", "federation_traffic")


def test_shift_of_groups_and_labels_with_small_cells_hidden(world):
    north = world.participants["north"].manifests.get()
    north.content["groups"] = {"sex": {"female": 9000, "male": 1000}, "race": {"a": 9997, "b": 3}}
    north.save(update_fields=["content"])
    south = world.participants["south"].manifests.get()
    south.content["groups"]["race"] = {"a": 9000, "b": 1000}
    south.save(update_fields=["content"])
    run = make_trained(world, rounds=1)
    done = run.rounds.get()
    for i, site in enumerate(("north", "south")):
        done.metrics["primary"]["site"][site] |= {"tpr": {"n": 10 + 20 * i}, "fpr": {"n": 30 - 20 * i}}
    done.save(update_fields=["metrics"])
    said = page(world, "auditor", "federation_differences")
    assert "Labels of the held-out patients" in said and "Patients by sex" in said and "too few patients" in said
    assert "Shift of features" in said and "Not asked yet" in said


def test_the_influence_of_each_site_is_studied_as_a_job(world):
    run = make_trained(world)
    client = signed_in(world, "administrator")
    assert "Not computed yet" in page(world, "administrator", "federation_differences")
    client.post(reverse("influence_study", args=[run.id]))
    assert "Rounds looked at" in page(world, "auditor", "federation_differences")
    again = client.post(reverse("influence_study", args=[run.id]))
    assert again.status_code in {302, 409} and InfluenceStudy.objects.count() == 1
    assert jobs.run(Job.objects.get(kind="influence.study").id)
    study = InfluenceStudy.objects.get()
    north, south = study.result["sites"]
    # Changes +1 and -0.5, equal weights: mean 0.25; without north -0.5, away by 0.75 of 0.25.
    assert north["shift"] == pytest.approx(3) and north["alignment"] == pytest.approx(-1)
    assert south["shift"] == pytest.approx(3) and study.rounds_done == 2 and north["rounds"] == 2
    own = page(world, "officer_north", "federation_differences")  # without differential privacy: its own row alone
    assert own.count('data-label="Alignment"') == 1 and "1 other site" in own
    assert "For each hospital itself" in page(world, "auditor", "federation_differences")
    assert [told(world, who, run) for who in ("officer_north", "auditor")] == [["north"], []]
    run.config["local"]["dp"] = {"noise_multiplier": 3.0, "max_grad_norm": 0.5, "delta": 1e-4}
    run.save(update_fields=["config"])
    assert page(world, "auditor", "federation_differences").count('data-label="Alignment"') == 2
    assert told(world, "auditor", run) == ["north", "south"]


def told(world, who: str, run) -> list[str]:
    """Sites whose influence the API tells a person."""
    (study,) = signed_in(world, who).get(reverse("api_influence_studies", args=[run.id])).json()["results"]
    return [one["site"] for one in study["result"]["sites"]]


def test_a_site_of_very_few_patients_is_named_and_not_described(world):
    run = make_trained(world, records={"south": 1})
    study = contributions.study_start(run=run, actor=world.people.administrator)
    assert jobs.run(Job.objects.get(kind="influence.study").id)
    study.refresh_from_db()
    assert study.result["sites"][1] == {"site": "south", "too_few": True, "rounds": 2}
    run.config["local"]["dp"] = {"noise_multiplier": 3.0, "max_grad_norm": 0.5, "delta": 1e-4}
    run.save(update_fields=["config"])
    assert "fewer than 5 training patients" in page(world, "auditor", "federation_differences")


def test_under_secure_aggregation_it_is_refused_with_the_reason(world):
    run = make_trained(world)
    run.config["security"] = {"masking": True}
    run.save(update_fields=["config"])
    assert "has only ever seen the sum" in page(world, "administrator", "federation_differences")
    response = signed_in(world, "administrator").post(reverse("influence_study", args=[run.id]))
    assert response.status_code in {302, 409} and not InfluenceStudy.objects.exists()


def test_updates_that_are_gone_end_the_study_with_the_reason(world):
    run = make_trained(world)
    SiteUpdate.objects.filter(round__run=run).update(weights={"primary": "0" * 64})
    contributions.study_start(run=run, actor=world.people.administrator)
    assert jobs.run(Job.objects.get(kind="influence.study").id)
    study = InfluenceStudy.objects.get()
    assert study.result is None and "cannot be read" in study.error
    assert "The study failed" in page(world, "auditor", "federation_differences")
