"""A finished run of the tabular classifier, its two sites' workers in this process, and a provider's stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils import timezone

from core import jobs
from core.models import Job
from federation import mailbox
from federation.domain import messages
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.messages import Message, digest
from federation.keys import coordinator_key
from federation.models import DeviceConsent, Participant, QuantumJob, SiteOrder, TrainingRun
from federation.quantum_orders import Order
from federation.site import devices as _registered  # noqa: F401 - registers the orders
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.federation import World, make_finished_run
from tests.factories.postbox import Recorder, carry_out


@dataclass
class Bench:
    """Everything that a run on a device needs."""

    world: World
    run: TrainingRun
    folder: Path
    sites: dict[str, Site] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for code, participant in self.world.participants.items():
            config = SiteConfig(code, "phantom:", messages.dump_public(coordinator_key()), "unix:///none")
            site = Site(SiteHome.create(self.folder / code, config))
            site.__dict__["data"] = patients(code)
            site.__dict__["manifest"] = participant.manifests.get().content
            Participant.objects.filter(id=participant.id).update(public_key=messages.dump_public(site.home.key))
            self.sites[code] = site

    @property
    def north(self) -> Participant:
        return Participant.objects.get(id=self.world.participants["north"].id)

    def evaluation(self, device: str = "simulator", **changes: Any) -> Order:
        given: dict[str, Any] = {
            "device": device, "purpose": "evaluation", "shots": 200, "run": self.run, "participant": self.north,
            "patients": 10, **changes,
        }  # fmt: skip
        if device in {"ibm", "azure"}:
            given = {"cost_limit": Decimal("190"), "price_per_shot": Decimal("0.001"), **given}
        return Order(**given)

    def consent(self, device: str = "ibm") -> DeviceConsent:
        from federation.quantum_orders import device_consent_decide

        return device_consent_decide(
            run=self.run, participant=self.north, device=device, decision="given", reason="",
            actor=self.world.people.operator_north,
        )  # fmt: skip

    def work(self, times: int = 1) -> None:
        """Run every job that is queued, also the delayed, and let the sites do their orders; so many times."""
        for _ in range(times):
            self.run_jobs()
            self.work_now()

    def work_now(self) -> None:
        """What is due by now, and what the sites are asked to do; what waits for its time goes on waiting."""
        self.run_jobs(delayed=False)
        while pending := SiteOrder.objects.filter(state="pending").select_related("participant").first():
            self.deliver(pending)
            self.run_jobs(delayed=False)

    def run_jobs(self, *, delayed: bool = True) -> None:
        if delayed:
            Job.objects.filter(state="queued").update(next_run_at=timezone.now() - timedelta(seconds=1))
        while due := Job.objects.filter(_due(timezone.now())).first():
            jobs.run(due.id)

    def deliver(self, order: SiteOrder) -> None:
        message = Message(
            order.kind, "coordinator", order.participant.site, order.key, order.body, mailbox_files(order)
        )
        postbox = Recorder()
        carry_out(self.sites[order.participant.site], postbox, messages.seal(message, coordinator_key()))
        mailbox.message_receive(participant=order.participant, text=postbox.sent[0])


def _due(now: datetime) -> Q:
    lost = Q(state="running", lease_until__lt=now)  # its worker was killed
    return lost | Q(state="queued", next_run_at__lte=now)


def make_bench(people, folder: Path) -> Bench:
    from tests.factories.federation import make_federation

    world = make_federation(people)
    return Bench(world, make_finished_run(world), folder)


def mailbox_files(order: SiteOrder) -> dict[str, bytes]:
    from core import artefacts

    return {name: artefacts.get(sha) for name, sha in order.attachments.items()}


def patients(site: str, n: int = 120) -> SiteData:
    """Records of four features; nobody's."""
    rng = np.random.default_rng(int(digest(site)[:8], 16))
    return SiteData(
        site=site, task="classification", record_ids=tuple(f"{site}-{i:03d}" for i in range(n)),
        x=rng.normal(size=(n, 4)).astype(np.float32), y=rng.integers(0, 2, n), patient_index=np.arange(n),
        groups={"sex": np.array(["female", "male"])[rng.integers(0, 2, n)]}, feature_names=("a", "b", "c", "d"),
        report=LoadReport(found=n, used=n, imputed={}, refused={}, notes=()),
    )  # fmt: skip


def make_check(people, *, device: str = "ibm", volume: int | None = 64, days_ago: float = 1) -> QuantumJob:
    """A finished measurement of the quantum volume."""
    at = timezone.now() - timedelta(days=days_ago)
    return QuantumJob.objects.create(
        device=device, purpose="quantum_volume", qubits=6, circuits=100, shots=100, estimate={}, cost=Decimal("1"),
        requested_by=people.administrator, state="finished", created_at=at, submitted_at=at, finished_at=at,
        machine="ibm_test", result_digest="0" * 64,
        result={"verdict": "pass" if volume else "inconclusive", "value": 0.78, "lower": 0.7 if volume else 0.6,
                "upper": 0.86, "threshold": 2 / 3, "text": "0.780 of the outcomes are heavy.",
                "quantum_volume": volume, "tried": 64},
    )  # fmt: skip
