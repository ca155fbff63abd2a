"""Hospitals with workers in this process, who sign what they are asked and train on phantoms. Nothing is sent."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from accounts.models import User
from core import artefacts, jobs
from core.models import Job
from core.roles import Role
from federation import mailbox, services
from federation.domain import messages
from federation.domain.messages import Message
from federation.domain.run_config import RunConfig
from federation.keys import coordinator_key
from federation.models import Federation, Participant, SiteOrder, TrainingRun
from federation.site import outbox
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.people import make_institution, make_people, make_user
from tests.factories.postbox import Recorder, approve_at, carry_out

LOCAL = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "dp": None}
SUBSCRIBERS = {"federation", "opt_outs"}


class Hospitals:
    """So many of them, `phantom-1`, `phantom-2`, ..., each with an operator and an ethics officer."""

    def __init__(self, folder: Path, *, count: int = 3, patients: int = 60) -> None:
        self.people = make_people()
        self.federation = Federation.objects.create(
            name="Trial", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
        )
        self.sites: dict[str, Site] = {}
        self.participants: dict[str, Participant] = {}
        self.signers: dict[str, tuple[User, User]] = {}
        public = messages.dump_public(coordinator_key())
        for code in (f"phantom-{number}" for number in range(1, count + 1)):
            institution = make_institution(code)
            self.signers[code] = (
                make_user(f"operator.{code}@test.example", Role.SITE_OPERATOR, institution),
                make_user(f"officer.{code}@test.example", Role.ETHICS_OFFICER, institution),
            )
            spec = f"phantom:?patients={patients}&sites={count}"
            home = SiteHome.create(folder / code, SiteConfig(code, spec, public, "unix:///x"))
            self.sites[code] = Site(home)
            self.participants[code] = Participant.objects.create(
                federation=self.federation, institution=institution, site=code,
                public_key=messages.dump_public(home.key),
            )  # fmt: skip

    def proposed(self, *, rounds: int = 2, name: str = "Run", **more) -> TrainingRun:
        for participant in self.participants.values():
            services.manifest_request(participant=participant, key=f"{name}:{timezone.now()}")
        self.answer("manifest")
        return services.run_propose(
            federation=self.federation, name=name, rounds=rounds, seed=1, actor=self.people.administrator, local=LOCAL,
            **more,
        )  # fmt: skip

    def sign(self, run: TrainingRun, *codes: str) -> None:
        for code in codes or self.sites:
            for actor in self.signers[code]:
                self.decide(run, code, "given", actor)

    def decide(self, run: TrainingRun, code: str, decision: str, actor: User | None = None, **more):
        return services.consent_decide(
            run=run, participant=self.participants[code], decision=decision, reason=more.pop("reason", "because"),
            actor=actor or self.signers[code][0], **more,
        )  # fmt: skip

    def approve(self, run: TrainingRun, *codes: str) -> None:
        """At the sites."""
        for code in codes or self.sites:
            approve_at(self.sites[code], RunConfig.from_dict(run.config))

    def running(self, *, rounds: int = 2) -> TrainingRun:
        run = self.proposed(rounds=rounds)
        self.sign(run)
        self.answer("propose")
        run = services.run_start(run=run, actor=self.people.administrator)
        run_jobs()
        return run

    def finished(self) -> TrainingRun:
        run = self.running(rounds=1)
        self.answer("train")
        self.answer("evaluate")
        run.refresh_from_db()
        return run

    def answer(self, kind: str, *codes: str, approve: bool = True) -> list[str]:
        """Carry out and receive the pending orders of a kind (of these sites, or all), then run what follows."""
        found = SiteOrder.objects.filter(kind=kind, state="pending").select_related("participant")
        results = []
        for order in found.filter(participant__site__in=codes) if codes else found:
            postbox, code = Recorder(), order.participant.site
            carry_out(self.sites[code], postbox, sealed(order), approve=approve)
            results.append(self.receive(code, postbox.sent[0]))
        run_jobs()
        return results

    def receive(self, code: str, text: str) -> str:
        return mailbox.message_receive(participant=self.participants[code], text=text)

    def post(self, code: str) -> list[str]:
        """What waits in the site's outbox arrives."""
        arrived: list[str] = []
        outbox.send(self.sites[code].home, lambda text: arrived.append(self.receive(code, text)))
        run_jobs()
        return arrived


def sealed(order: SiteOrder) -> str:
    files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
    message = Message(order.kind, "coordinator", order.participant.site, order.key, order.body, files)
    return messages.seal(message, coordinator_key())


def run_jobs() -> None:
    """Every queued job of the federation, also those that jobs make."""
    for _ in range(20):
        queued = Job.objects.filter(state="queued", next_run_at__lte=timezone.now())
        mine = [
            job
            for job in queued
            if job.kind in {"run.begin", "round.aggregate"}
            or (job.kind == "event" and job.payload["subscriber"] in SUBSCRIBERS)
        ]
        if not mine:
            return
        for job in mine:
            assert jobs.run(job.id), Job.objects.get(id=job.id).last_error
