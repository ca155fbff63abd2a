"""A hospital on another host: joins over TLS, trains, and its line goes down and up. No round is counted twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from core.models import Job
from federation import joining, mailbox, services, site_statements
from federation.domain import messages
from federation.domain.run_config import RunConfig
from federation.keys import coordinator_key
from federation.models import Federation, Participant, RunEvent, SiteOrder, SiteUpdate, TrainingRun
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from qflethics.launcher.platform import SECRETS
from tests.factories.gate import RunningGate
from tests.factories.people import make_people
from tests.factories.postbox import Recorder, approve_at, carry_out
from tests.federation.network.namespace import Namespace
from tests.federation.test_training_rounds import run_jobs, sealed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]
ROOT = Path(__file__).resolve().parents[3]
DATA = "phantom:?patients=60&sites=2"
LOCAL = {"epochs": 3, "batch_size": 4, "learning_rate": 0.01, "dp": None}
FAR, NEAR = "phantom-1", "phantom-2"
FEDERATION = uuid.UUID("f0" * 16)  # the same in each test, since the worker stays and its queue is named by it


class Hospital:
    """One site in a namespace of its own, with a worker that is started by the command that joins."""

    def __init__(self, folder: Path) -> None:
        self.space = Namespace().open()
        self.gate = RunningGate(folder, self.space.here)
        self.folder, self.home = folder, SiteHome(folder / "far")
        self.worker: subprocess.Popen | None = None

    def start(self, *command: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self.log = (self.folder / "worker.log").open("ab")
        self.worker = self.space.start(
            [sys.executable, "-m", "federation.site", *command], cwd=ROOT, stdout=self.log, stderr=self.log,
            env={**clean, "OMP_NUM_THREADS": "1", "SITE_HOME": str(self.home.folder)},
        )  # fmt: skip

    def kill(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()

    def close(self) -> None:
        self.kill()
        self.space.plug_in()
        self.gate.stop()
        self.space.close()
        redis.Redis.from_url(settings.REDIS_URL).execute_command("ACL", "DELUSER", f"site.{self.home.config.queue}")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    made = Hospital(tmp_path_factory.mktemp("hospital"))
    yield made
    made.close()


def documented(*, invitation: Path, data: str, home: Path) -> list[str]:
    """The command of docs/operations/site.md, with this test's file, data and folder in the place of the example's."""
    text = (ROOT / "docs" / "operations" / "site.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith(".venv/bin/python -m federation.site join "))
    words = line.split()[3:]
    assert words == ["join", "invitation.json", "--data", "heart:/srv/data", "--home", "/srv/qfl-site"]
    return ["join", str(invitation), "--data", data, "--home", str(home)]


class World:
    """The platform's standing processes, moved by hand, and the other site, which is near."""

    def __init__(self, hospital: Hospital, folder: Path) -> None:
        self.hospital, self.people = hospital, make_people()
        self.federation = Federation.objects.create(
            id=FEDERATION,
            name="Far and near",
            purpose="Testing",
            data_title="Phantom",
            task="segmentation",
            synthetic=True,
        )
        self.inbox = mailbox.Inbox(joins=joining.join_receive)
        config = SiteConfig(NEAR, DATA, messages.dump_public(coordinator_key()), "unix:///none")
        self.near = Site(SiteHome.create(folder / "near", config))
        self._admit(self.people.south, NEAR, self.near.home)

    def _admit(self, institution, site: str, home: SiteHome) -> None:
        participant = services.participant_add(
            federation=self.federation, institution=institution, site=site,
            public_key=messages.dump_public(home.key), actor=self.people.administrator,
        )  # fmt: skip
        services.manifest_request(participant=participant, key=str(participant.id))

    def connect(self) -> None:
        """Join the first time; a later test finds the worker at work and knows its key."""
        if self.hospital.worker is None:
            _, invitation = joining.invitation_issue(
                federation=self.federation, institution=self.people.north, site=FAR, days=1,
                actor=self.people.administrator,
            )  # fmt: skip
            file = self.hospital.folder / "invitation.json"
            file.write_text(invitation.as_text())
            self.hospital.start(*documented(invitation=file, data=DATA, home=self.hospital.home.folder))
        else:
            self._admit(self.people.north, FAR, self.hospital.home)
        self.until(lambda: Participant.objects.filter(manifests__isnull=False).count() == 2, "both manifests")

    def pump(self, *, near: bool = True) -> None:
        self.inbox.poll(list(Participant.objects.filter(is_active=True)), invited=joining.sites_expected())
        mailbox.orders_resend()
        for order in SiteOrder.objects.filter(participant__site=NEAR, state="pending").select_related("participant")[
            : 99 * near
        ]:
            postbox = Recorder()
            carry_out(self.near, postbox, sealed(order))
            mailbox.message_receive(participant=order.participant, text=postbox.sent[0])
        Job.objects.filter(state="queued", next_run_at__gt=timezone.now()).update(next_run_at=timezone.now())
        run_jobs()

    def until(self, condition, what: str, seconds: float = 60, *, near: bool = True):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.pump(near=near)
            if found := condition():
                return found
            time.sleep(0.02)
        log = (self.hospital.folder / "worker.log").read_text()[-3000:]
        raise AssertionError(f"waited {seconds:.0f} s for {what}; the worker said:\n{log}")

    def started(self, rounds: int = 2) -> TrainingRun:
        run = services.run_propose(
            federation=self.federation, name="Run", rounds=rounds, seed=1, actor=self.people.administrator, local=LOCAL
        )
        people = self.people
        signers = ((people.operator_north, people.officer_north), (people.operator_south, people.officer_south))
        for participant, both in zip(self.federation.participants.all(), signers, strict=True):
            for who in both:
                services.consent_decide(run=run, participant=participant, decision="given", reason="", actor=who)
        approve_at(Site(self.hospital.home), RunConfig.from_dict(run.config))
        far = {"participant": Participant.objects.get(site=FAR).id, "config_hash": run.config_hash}
        site_statements.approval_told({**far, "decision": "approved"})()
        self.until(lambda: TrainingRun.objects.get(id=run.id).state == TrainingRun.State.APPROVED, "all consents")
        services.run_start(run=run, actor=self.people.administrator)
        self.until(lambda: self.training(run), "the first step of the far site", near=False)
        return run

    def training(self, run: TrainingRun) -> bool:
        """The far site is at it, or done before it was time for a sign of it: a worker gives two a second at most."""
        begun = RunEvent.objects.filter(run=run, kind="progress", site=FAR, data__doing="train")
        sent = SiteUpdate.objects.filter(round__run=run, participant__site=FAR)
        return begun.exists() or sent.exists()

    def ended(self, run: TrainingRun) -> TrainingRun:
        def ended() -> bool:
            run.refresh_from_db()
            return not run.is_open

        self.until(ended, "the run to end")
        return run


@pytest.fixture
def world(hospital, tmp_path, settings):
    settings.GATE_URL = hospital.gate.url
    settings.RESEND_AFTER_SECONDS = 1.0
    made = World(hospital, tmp_path)
    made.connect()
    yield made
    hospital.space.plug_in()


def assert_each_once(run: TrainingRun, rounds: int = 2) -> None:
    assert run.state == "finished", run.stop_reason
    assert list(run.rounds.values_list("number", "state")) == [(n, "done") for n in range(1, rounds + 1)]
    counted = sorted(SiteUpdate.objects.filter(round__run=run).values_list("round__number", "participant__site"))
    assert counted == [(n, site) for n in range(1, rounds + 1) for site in (FAR, NEAR)]
    assert RunEvent.objects.filter(run=run, kind="aggregate").count() == rounds


def test_a_hospital_on_another_host_joins_over_tls_and_reaches_the_door_alone(world):
    space = world.hospital.space
    assert Participant.objects.get(site=FAR).last_seen_at is not None
    assert world.hospital.home.config.redis_url.startswith("rediss://")
    probe = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    outside = space.start([sys.executable, "-c", probe], stderr=subprocess.PIPE, text=True)
    assert "unreachable" in outside.communicate(timeout=20)[1].lower()


def test_a_line_that_is_down_in_the_middle_of_a_round_costs_time_and_nothing_else(world):
    run = world.started()
    world.hospital.space.pull_out()
    asked = SiteOrder.objects.filter(participant__site=FAR, state="pending", sends__gte=3)
    world.until(asked.exists, "the order to be asked again while nobody hears it")
    world.hospital.space.plug_in()
    assert_each_once(world.ended(run))


def test_a_line_that_fails_in_bursts_loses_no_round(world):
    run = world.started()
    for _ in range(5):
        world.hospital.space.pull_out()
        time.sleep(0.15)
        world.hospital.space.plug_in()
        world.pump()
        time.sleep(0.15)
    assert_each_once(world.ended(run))


def test_a_host_that_dies_with_its_line_down_goes_on_when_both_are_back(world):
    run = world.started()
    world.hospital.space.pull_out()
    world.hospital.kill()
    world.hospital.space.plug_in()
    world.hospital.start()
    assert_each_once(world.ended(run))


def test_a_run_that_is_given_up_while_a_line_is_down_stays_given_up(world):
    run = world.started()
    world.hospital.space.pull_out()
    counted = set(SiteUpdate.objects.filter(round__run=run).values_list("id", flat=True))
    services.run_abort(run=run, reason="The line to the north is cut.", actor=world.people.administrator)
    world.hospital.space.plug_in()
    again = world.started(rounds=1)
    assert_each_once(world.ended(again), rounds=1)
    run.refresh_from_db()
    assert run.state == "aborted"
    assert not run.rounds.exclude(state="cancelled").exists()
    assert set(SiteUpdate.objects.filter(round__run=run).values_list("id", flat=True)) == counted
