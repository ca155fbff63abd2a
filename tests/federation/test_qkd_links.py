"""From the key-management entity over the site's worker to the row and the page; and the rehearsal."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from core import jobs
from core.errors import ApplicationError, Conflict
from core.models import Job
from federation import mailbox, qkd
from federation.domain import messages
from federation.domain.messages import Message
from federation.domain.quantum.qkd.bb84 import Channel
from federation.domain.quantum.qkd.certificates import make_certificates
from federation.domain.quantum.qkd.entity import SimulatedEntity
from federation.domain.quantum.qkd.report import LinkReport
from federation.keys import coordinator_key
from federation.models import QkdCheck, QkdRehearsal, SiteOrder
from federation.qkd_kme import KmeServer
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.postbox import Recorder, carry_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def site(world, tmp_path):
    config = SiteConfig("north", "phantom:?sites=2", messages.dump_public(coordinator_key()), "unix:///none")
    home = SiteHome.create(tmp_path / "north", config)
    north = world.participants["north"]
    north.public_key = messages.dump_public(home.key)
    north.save(update_fields=["public_key"])
    return Site(home)


@pytest.fixture
def kme(tmp_path):
    """Starts a simulated entity with a channel, and tells the site of it."""
    started = []

    def start(site: Site, **channel) -> KmeServer:
        make_certificates(tmp_path / "kme", ["SAE-1", "SAE-2"])
        entity = SimulatedEntity(
            frozenset({"SAE-1", "SAE-2"}), Channel(**channel), pulses=1 << 16, rng=lambda: np.random.default_rng(3)
        )
        server = KmeServer(entity, tmp_path / "kme")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        started.append((server, thread))
        told = {"url": server.url, "authority": "../kme/ca.pem", "certificate": "../kme/SAE-1.pem",
                "key": "../kme/SAE-1.key", "peers": {"south": "SAE-2"}}  # fmt: skip
        (site.home.folder / "qkd.json").write_text(json.dumps(told))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()


def asked_and_answered(world, site) -> list[QkdCheck]:
    qkd.links_check(federation=world.federation, actor=world.people.administrator)
    north = world.participants["north"]
    order = SiteOrder.objects.get(participant=north, kind="qkd_status", state="pending")
    message = Message(order.kind, "coordinator", "north", order.key, order.body, {})
    postbox = Recorder()
    carry_out(site, postbox, messages.seal(message, coordinator_key()))
    mailbox.message_receive(participant=north, text=postbox.sent[0])
    order.refresh_from_db()
    effects = qkd.status_answered({"order": str(order.id)})
    if effects:
        effects()
    return list(QkdCheck.objects.filter(participant=north))


def page(world, who: str, name: str = "federation_keys") -> str:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(reverse(name, args=[world.federation.id]))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_quiet_simulated_link_is_recorded_and_shown_as_simulated(world, site, kme):
    kme(site)
    (check,) = asked_and_answered(world, site)
    assert check.state == "up" and check.simulated and check.peer == world.participants["south"]
    assert check.qber == pytest.approx(0.015, abs=0.006) and check.qber_upper > check.qber
    assert check.stored_keys > 0 and check.secure_bits > 0 and len(check.message_digest) == 64
    said = page(world, "officer_south")
    assert "Gives keys" in said and "Simulated" in said and "Ask the sites" not in said


def test_an_eavesdropper_on_the_link_is_seen_on_the_page(world, site, kme):
    kme(site, intercept=1.0)
    (check,) = asked_and_answered(world, site)
    assert check.state == "no_key" and check.qber > 0.2 and check.stored_keys == 0
    said = page(world, "auditor")
    assert "Gives no key" in said and "somebody may be listening" in said and f"{check.qber:.2%}"[:-1] in said


def test_without_qkd_or_with_its_entity_away_the_site_says_so(world, site, kme):
    assert asked_and_answered(world, site)[0].state == "unconfigured"
    server = kme(site)
    server.shutdown()
    server.server_close()
    newest = asked_and_answered(world, site)[0]
    assert newest.state == "down" and "QkdUnreachable" in newest.reason and newest.simulated is None
    said = page(world, "administrator")
    assert "Down" in said and "No QKD here" not in said and "not told" in said


def test_a_file_that_cannot_be_read_is_the_sites_matter(world, site):
    (site.home.folder / "qkd.json").write_text('{"url": "http://plain"}')
    assert asked_and_answered(world, site) == []
    order = SiteOrder.objects.get(kind="qkd_status", participant=world.participants["north"])
    assert order.state == "failed" and "qkd.json" in order.error and "plain" not in order.error


def test_what_a_site_invents_is_left_out(world):
    north = world.participants["north"]
    links = [
        {"peer": "south", "state": "up", "qber": float("nan"), "stored_keys": -1, "key_size": True, "simulated": "yes"},
        {"peer": "nowhere", "state": "up"}, {"peer": "north", "state": "up"}, {"state": "x"}, 7,
    ]  # fmt: skip
    order = SiteOrder.objects.create(
        participant=north, kind="qkd_status", key="qkd:1", subject=north.id, body={}, state="answered",
        answer={"links": [{**links[0], "qber": "much"}, *links[1:]]}, answer_digest="a" * 64,
    )  # fmt: skip
    qkd.status_answered({"order": str(order.id)})()
    check = QkdCheck.objects.get()
    assert (check.qber, check.stored_keys, check.key_size, check.simulated) == (None, None, None, None)
    assert LinkReport.from_dict(links[0]).qber is None
    order.answer = {"links": "none"}
    order.save(update_fields=["answer"])
    qkd.status_answered({"order": str(order.id)})()
    assert QkdCheck.objects.count() == 1


def test_the_rehearsal_shows_the_key_shrink_and_die(world):
    client = Client()
    client.force_login(world.people.administrator, backend="django.contrib.auth.backends.ModelBackend")
    assert "Not rehearsed yet" in page(world, "administrator") and "No link was asked yet" in page(world, "auditor")
    url = reverse("qkd_rehearsal", args=[world.federation.id])
    wrong = client.post(url, {"loss": "20", "error": "55"})
    assert wrong.status_code == 400 and "less than or equal to 20" in wrong.content.decode()
    client.post(url, {"loss": "20", "error": "1.5"})
    assert "A rehearsal is under way" in page(world, "administrator")
    with pytest.raises(Conflict):
        qkd.rehearsal_start(federation=world.federation, loss=0.1, error=0.01, actor=world.people.administrator)
    assert jobs.run(Job.objects.get(kind="qkd.rehearse").id)
    steps = QkdRehearsal.objects.get().steps
    bits = [step["secure_bits"] for step in steps]
    assert bits[0] > bits[2] > bits[4] >= bits[-1] == 0 and all(step["simulated"] for step in steps)
    assert steps[-1]["qber"] == pytest.approx(0.258, abs=0.02)
    said = page(world, "officer_north")
    assert "after the eavesdropper’s" in said.replace("&#x27;", "’") and "somebody may be listening" in said
    assert "is dead from an interception of" in said and "Simulated" in said and "Rehearse an eavesdropper<" not in said


@pytest.mark.parametrize("given", [{"loss": 1.0, "error": 0.0}, {"loss": 0.1, "error": 0.5}, {"loss": -1, "error": 0}])
def test_a_link_that_cannot_be_is_not_rehearsed(world, given):
    with pytest.raises(ApplicationError, match="Expected the"):
        qkd.rehearsal_start(federation=world.federation, actor=world.people.administrator, **given)


def test_a_link_needs_two_sites(world):
    world.participants["south"].is_active = False
    world.participants["south"].save(update_fields=["is_active"])
    with pytest.raises(Conflict, match="two sites"):
        qkd.links_check(federation=world.federation, actor=world.people.administrator)
