"""NVIDIA FLARE carries the same orders to the same code, from provisioned kits that permit nothing else.

One server and two clients serve all tests of this file, as they serve all runs of a federation. Beside the first stands
a worker (this process); the second has nothing but FLARE, and is another host with one wire to FLARE's server.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import redis
from cryptography import x509
from django.conf import settings as django_settings
from django.urls import reverse
from django.utils import timezone

from core import artefacts
from core.models import Job, Outbox
from federation import joining, kits, mailbox, sealing, services, site_statements
from federation.domain import flare_keys, messages
from federation.domain.learning import states
from federation.domain.messages import Message
from federation.domain.run_config import RunConfig
from federation.engines import flare_kit
from federation.engines import state as engines
from federation.engines.flare_house import House, current
from federation.engines.flare_house import folder as house_folder
from federation.engines.flare_kit import EXECUTOR, RELAY, FlareMissing
from federation.models import (
    Exclusion,
    Federation,
    Participant,
    RunEvent,
    SiteOrder,
    SitePass,
    SiteSoftware,
    SiteUpdate,
    TrainingRun,
)
from federation.provisioning import site_provision
from federation.site import flare as site_flare
from federation.site import outbox
from federation.site.asking import Line
from federation.site.handlers import Site
from federation.site.home import SiteHome
from qflethics.launcher.platform import SECRETS
from qflethics.launcher.state import ROOT
from tests.factories.people import make_people
from tests.factories.postbox import Recorder, approve_at, carry_out
from tests.federation.network.namespace import Namespace
from tests.federation.test_training_rounds import run_jobs, sealed

pytestmark = pytest.mark.django_db(transaction=True)
FEDERATION = uuid.UUID("f0" * 16)
SITES = ("phantom-1", "phantom-2")
ALONE = "phantom-2"
DATA = "phantom:?patients=60&sites=2"
FORM = {"name": "Over FLARE", "rounds": 2, "seed": 3, "privacy": "none", "messages": "sealed", "engine": "flare"}


@pytest.fixture(scope="module", autouse=True)
def _installed():
    try:
        flare_kit.python()
    except FlareMissing as missing:
        pytest.fail(str(missing))


class Machines:
    """The processes: FLARE's server and keeper by the platform's own command, a client a site by the site's."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.homes: dict[str, SiteHome] = {}
        for site in SITES:
            site_provision(folder=folder / site, site=site, data=DATA, federation_id=FEDERATION)
            self.homes[site] = SiteHome(folder / site)
        name = socket.gethostname()  # FLARE's certificates are for names
        self.space = Namespace().open()
        self.space.call_first(name)
        self.house = House(f"{name}:{_free_port()}")
        self.clients: dict[str, subprocess.Popen] = {}

    def start_client(self, site: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in SECRETS}
        with (self.folder / f"{site}.log").open("ab") as log:
            start = self.space.start if site == ALONE else subprocess.Popen
            self.clients[site] = start(
                [sys.executable, "-m", "federation.site", "flare"], cwd=ROOT, stdout=log, stderr=log,
                env={**clean, "SITE_HOME": str(self.homes[site].folder)},
            )  # fmt: skip

    def stop(self) -> None:
        for client in self.clients.values():
            client.terminate()
        self.house.stop()
        for client in self.clients.values():
            client.wait(20)
        self.space.close()

    def said(self) -> str:
        logs = [*self.folder.glob("*.log"), *house_folder().glob("*.log")]
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2500:]}" for log in logs)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    made = Machines(tmp_path_factory.mktemp("flare"))
    yield made
    made.stop()


class World:
    """The platform's standing processes, moved by hand; what is about no run is done at the sites in this process."""

    def __init__(self, machines: Machines) -> None:
        self.machines, self.people = machines, make_people()
        self.federation = Federation.objects.create(
            id=FEDERATION, name="Far", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
        )
        self.inbox = mailbox.Inbox(joins=joining.join_receive)
        self.sites = {site: Site(home) for site, home in machines.homes.items()}
        for institution, (site, home) in zip(
            (self.people.north, self.people.south), machines.homes.items(), strict=True
        ):
            participant = services.participant_add(
                federation=self.federation, institution=institution, site=site,
                public_key=messages.dump_public(home.key), actor=self.people.administrator, over_flare=site == ALONE,
            )  # fmt: skip
            if (home.folder / site_flare.KEY).exists():  # the machines are older than this test's tables
                kits.request_enter(participant, site_flare.request_of(home.folder, participant.channel))
        first = not machines.clients
        if first:
            self._join_alone(machines.homes[ALONE])
        for site in SITES:
            if site not in machines.clients:
                machines.start_client(site)
        if first:
            self.until(lambda: SiteSoftware.objects.filter(participant__site=ALONE).exists(), "a hello over FLARE")
        for participant in Participant.objects.all():
            services.manifest_request(participant=participant, key="first")

    def _join_alone(self, home: SiteHome) -> None:
        """The kit comes by the broker, to which the site then has no way any more."""
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(site_flare.fetch, home.folder, Line.of(home))
            self.until(asked.done, "a kit")
            asked.result()
        self.until(lambda: self._user_of(home) is None, "the broker's user to be taken away")
        SiteHome.create(home.folder, replace(home.config, redis_url=""))

    def _user_of(self, home: SiteHome):
        client = redis.Redis.from_url(django_settings.REDIS_URL)
        return client.execute_command("ACL", "GETUSER", f"site.{home.config.queue}")

    def pump(self) -> None:
        self.machines.house.step()
        self.inbox.poll(list(Participant.objects.all()))
        mailbox.orders_resend()
        mine = SiteOrder.objects.filter(participant__is_over_flare=False)
        for order in mine.filter(state="pending", kind__in=["manifest", "propose"]):
            postbox = Recorder()
            carry_out(self.sites[order.participant.site], postbox, sealed(order))
            mailbox.message_receive(participant=order.participant, text=postbox.sent[0])
        Job.objects.filter(state="queued", next_run_at__gt=timezone.now()).exclude(kind="round.deadline").update(
            next_run_at=timezone.now()
        )
        run_jobs()

    def until(self, condition, what: str, seconds: float = 90):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.pump()
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds:.0f} s for {what}\n{self.machines.said()}")

    def ready(self) -> None:
        self.until(lambda: Participant.objects.filter(manifests__isnull=False).count() == 2, "both manifests", 20)
        self.until(self._both_work, "both clients to work")

    def _both_work(self) -> bool:
        found = engines.state_of("flare")
        return found is not None and [seen["state"] for seen in found.sites.values()] == ["working"] * 2

    def proposed(self, client_of, **chosen) -> TrainingRun:
        client = client_of(self.people.administrator)
        answer = client.post(reverse("run_propose", args=[FEDERATION]), {**FORM, **chosen})
        assert answer.status_code == 302, answer.content.decode()
        run = TrainingRun.objects.get(name=chosen.get("name", FORM["name"]))
        people = self.people
        signers = ((people.operator_north, people.officer_north), (people.operator_south, people.officer_south))
        for participant, both in zip(self.federation.participants.order_by("site"), signers, strict=True):
            statement = approve_at(self.sites[participant.site], RunConfig.from_dict(run.config))
            if participant.is_over_flare:  # its client brings what waits in the outbox
                outbox.put(self.sites[participant.site].home, "approval", statement.public)
            else:
                said = {"participant": participant.id, "config_hash": run.config_hash, "decision": "approved"}
                site_statements.approval_told(said)()
            for who in both:
                services.consent_decide(run=run, participant=participant, decision="given", reason="", actor=who)
        alone = {"participant__site": ALONE, "capacity": "site"}
        self.until(lambda: run.consents.filter(**alone).exists(), "an approval over FLARE", 30)
        return run

    def started(self, client_of, **chosen) -> TrainingRun:
        run = self.proposed(client_of, **chosen)
        client_of(self.people.administrator).post(reverse("run_start", args=[run.id]))
        run.refresh_from_db()
        assert run.state == "running", self.page(client_of, run)
        return run

    def ended(self, run: TrainingRun) -> TrainingRun:
        def ended() -> bool:
            run.refresh_from_db()
            return not run.is_open

        self.until(ended, "the run to end")
        return run

    def closed(self, order: SiteOrder) -> str:
        files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
        body = {**order.body, "sealing_key": sealing.coordinator_sealing_key()}
        message = Message(order.kind, "coordinator", order.participant.site, order.key, body, files)
        return sealing.write(order, message)

    def opened(self, text: str, order: SiteOrder) -> dict[str, bytes]:
        return sealing.read(order.participant, text)[0].attachments

    def page(self, client_of, run: TrainingRun) -> str:
        return client_of(self.people.auditor).get(reverse("run", args=[run.id])).content.decode()


@pytest.fixture
def world(machines, settings):
    settings.RESEND_AFTER_SECONDS = 2.0
    made = World(machines)
    made.ready()
    return made


def counted(run: TrainingRun) -> list[tuple[int, str]]:
    return sorted(SiteUpdate.objects.filter(round__run=run).values_list("round__number", "participant__site"))


def each_once(rounds: int) -> list[tuple[int, str]]:
    return [(n, site) for n in range(1, rounds + 1) for site in SITES]


def test_the_kits_permit_our_relay_and_nothing_else(tmp_path, monkeypatch):
    asked = {site: flare_keys.request_for(flare_keys.new_key(), site) for site in (*SITES, "phantom-3")}
    two = {site: asked[site] for site in SITES}
    kits = flare_kit.provision(tmp_path, host="localhost", port=18_102, requests=two)
    for name, own in (("localhost", RELAY), ("phantom-1", EXECUTOR), ("phantom-2", EXECUTOR)):
        policy, resources = _policy_of(kits / name)
        assert {rights.get("byoc") for rights in policy["permissions"].values()} == {"none"}
        assert policy["permissions"]["lead"]["submit_job"] == "none"
        assert resources["class_allow_list"] == [own]
        assert resources["class_list_enforcement_mode"] == "enforce"
        assert resources["allow_log_streaming"] is False
        assert "log_streamer" not in str(resources) and "/tmp/nvflare" not in str(resources)
        assert any(path.suffix == ".crt" for path in (kits / name / "startup").iterdir())
    _assert_no_key_of_a_site(tmp_path, kits, asked)
    more = flare_kit.provision(tmp_path, host="localhost", port=18_102, requests=asked)
    assert more != kits and (more / "phantom-3" / "startup" / "client.crt").exists()
    kept = "phantom-1/startup/client.crt"
    assert (more / kept).read_bytes() == (kits / kept).read_bytes()
    another = {**two, "phantom-2": flare_keys.request_for(flare_keys.new_key(), "phantom-2")}
    drawn = flare_kit.provision(tmp_path, host="localhost", port=18_102, requests=another)
    assert (drawn / kept).read_bytes() == (kits / kept).read_bytes()
    _assert_no_key_of_a_site(tmp_path, drawn, another)
    monkeypatch.setattr(flare_kit, "RENEW", timedelta(days=365))  # they hold for 360
    renewed = flare_kit.provision(tmp_path, host="localhost", port=18_102, requests=two)
    assert (renewed / kept).read_bytes() != (kits / kept).read_bytes()
    root = "phantom-1/startup/rootCA.pem"
    assert (renewed / root).read_bytes() == (kits / root).read_bytes()  # older kits stay good until they end
    assert not list((tmp_path / "kits" / "qfl").glob("prod_*"))  # FLARE makes no more than a hundred


def _assert_no_key_of_a_site(folder, kits, asked: dict[str, str]) -> None:
    """The certificates are for the keys that were asked with, and the platform's folder has none of those."""
    for site in SITES:
        found = x509.load_pem_x509_certificate((kits / site / "startup" / "client.crt").read_bytes())
        assert found.public_key() == x509.load_pem_x509_csr(asked[site].encode()).public_key()
        assert not list(folder.rglob(f"{site}/**/*.key"))
    state = json.loads((folder / "kits" / "qfl" / "state" / "cert.json").read_text())
    assert [site for site in SITES if "pri_key" in state[site]] == [] and "pri_key" in state["localhost"]


def _policy_of(kit) -> tuple[dict, dict]:
    local = kit / "local"
    return json.loads((local / "authorization.json").read_text()), json.loads((local / "resources.json").read_text())


def test_a_run_is_proposed_started_watched_and_ends_under_flare_with_the_local_engines_result(world, client_of):
    run = world.started(client_of)
    assert run.config["engine"] == {"name": "flare"}
    assert "NVIDIA FLARE" in world.page(client_of, run) and "Working" in world.page(client_of, run)
    world.until(lambda: RunEvent.objects.filter(run=run, kind="progress").exists(), "a step of a site's training")
    world.ended(run)
    assert run.state == "finished", run.stop_reason
    assert counted(run) == each_once(2) and RunEvent.objects.filter(run=run, kind="aggregate").count() == 2
    page = world.page(client_of, run)
    assert "2 of 2 rounds done" in page and "No message was refused." in page
    assert Outbox.objects.filter(table="federation_siteupdate").count() == 4
    for update in SiteUpdate.objects.filter(round__run=run).select_related("round", "participant"):
        _assert_same_as_here(world, run, update)


def _assert_same_as_here(world, run, update) -> None:
    """What the site's own worker makes of the same order, with the same seed."""
    order = SiteOrder.objects.get(participant=update.participant, subject=update.round_id, kind="train")
    home = world.machines.homes[update.participant.site]
    answers = home.folder / "answers"
    kept = answers.rename(home.folder / "answers-kept")
    answers.mkdir()
    try:
        postbox = Recorder()
        carry_out(Site(home, engine="flare"), postbox, world.closed(order))
    finally:
        for path in answers.iterdir():
            path.unlink()
        answers.rmdir()
        kept.rename(answers)
    here = world.opened(postbox.sent[0], order)
    for model, digest in update.weights.items():
        found = states.from_bytes(artefacts.get(digest))
        for name, value in states.from_bytes(here[model]).items():
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-6, err_msg=f"{model} {name}")


def test_a_run_can_be_aborted_while_flare_has_an_order_in_hand_and_the_next_one_works(world, client_of):
    run = world.started(client_of)
    world.until(lambda: SiteOrder.objects.filter(kind="train", sends__gte=1).exists(), "the orders to be sent")
    client = client_of(world.people.administrator)
    client.post(reverse("run_abort", args=[run.id]), {"reason": "Not needed any more."})
    run.refresh_from_db()
    assert run.state == "aborted" and "The run was aborted" in world.page(client_of, run)
    before = counted(run)
    again = world.ended(world.started(client_of, name="Again", seed=4, rounds=1))
    assert again.state == "finished" and counted(again) == each_once(1)
    assert counted(run) == before


def kill(process: subprocess.Popen) -> None:
    """And all that it has started."""
    for pid in [*flare_kit.descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def test_server_and_client_that_are_killed_come_back_and_no_round_is_counted_twice(world, client_of):
    run = world.started(client_of, rounds=1)
    kill(world.machines.house.processes["server"])
    kill(world.machines.clients["phantom-1"])
    world.machines.start_client("phantom-1")
    assert "started" in world.page(client_of, run)  # the page is there while nothing carries
    world.ended(run)
    assert run.state == "finished", run.stop_reason
    assert counted(run) == each_once(1)
    said = RunEvent.objects.filter(run=run, kind="client").values_list("text", flat=True)
    assert any("is away" in text for text in said) and any("works" in text for text in said)


def test_whose_certificate_is_revoked_gets_no_order_and_the_record_says_so(world, client_of):
    first = world.federation.participants.get(site="phantom-1")
    row = SitePass.objects.filter(participant=first).first()
    if row is None:  # the kit is older than this test's tables
        from federation.engines.flare_house import enter

        row = enter(first, current() / first.channel)
    run = world.started(client_of, quorum="1", deadline_minutes="1")
    client_of(world.people.administrator).post(reverse("pass_revoke", args=[row.id]))
    world.until(lambda: run.refused_envelopes.filter(kind="certificate-revoked").exists(), "the refusal")
    page = world.page(client_of, run)
    assert "Certificate revoked" in page and "gets no order" in page

    def went_on() -> bool:  # in the round that the revocation fell into, or in the next one
        pending = SiteOrder.objects.filter(subject__in=run.rounds.values("id"), state="pending")
        if {order.participant_id for order in pending} == {first.id}:
            Job.objects.filter(kind="round.deadline", state="queued").update(next_run_at=timezone.now())
        return Exclusion.objects.filter(round__run=run, participant=first, kind="late").exists()

    world.until(went_on, "the round to go on")
