"""The pages of a federation in a browser: empty and full, for everybody, in both themes, on a phone too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from core import jobs
from core.models import Job
from federation import contributions, qkd, site_software
from federation.engines import state as engines
from federation.models import Participant, QkdCheck, SitePass, TrainingRun
from federation.site.worker import software
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people
from tests.federation.test_federation_pages import PAGES, make_trained


def over_flare(world) -> TrainingRun:
    """A run under way under FLARE, one of its clients away; one certificate was revoked."""
    run = make_run(world, state="running")
    config = {**run.config, "engine": {"name": "flare"}}
    TrainingRun.objects.filter(id=run.id).update(config=config, started_at=run.created_at)
    north, south = world.participants["north"], world.participants["south"]
    clients = {north.channel: {"state": "working", "heard": 1.0}, south.channel: {"state": "away", "heard": None}}
    engines.report("flare", "ready", sites=clients)
    for number, (participant, kind) in enumerate(((north, "door"), (north, "flare"), (south, "flare"))):
        SitePass.objects.create(
            participant=participant, kind=kind, fingerprint=str(number) * 64,
            not_after=timezone.now() + timedelta(days=300), revoked_at=timezone.now() if number == 0 else None,
            revoked_by=world.people.administrator if number == 0 else None,
        )  # fmt: skip
    return run


def fill(world) -> None:
    admin = world.people.administrator
    run = make_trained(world, rounds=4)
    done = run.rounds.last()
    for i, site in enumerate(("north", "south")):
        done.metrics["primary"]["site"][site] |= {"tpr": {"n": 10 + 20 * i}, "fpr": {"n": 30 - 20 * i}}
    done.save(update_fields=["metrics"])
    north, south = world.participants["north"], world.participants["south"]
    site_software.note(north, software())
    Participant.objects.filter(id=north.id).update(last_seen_at=run.created_at)
    told = {"qber": 0.0148, "qber_upper": 0.0191, "rate": 0.197, "stored_keys": 101, "max_keys": 1000, "key_size": 256}
    QkdCheck.objects.create(
        participant=north, peer=south, state="up", simulated=True, message_digest="a" * 64, **told
    )  # fmt: skip
    QkdCheck.objects.create(
        participant=south, peer=north, state="down", reason="QkdUnreachable: the KME did not answer within 2 s",
        message_digest="b" * 64,
    )  # fmt: skip
    qkd.rehearsal_start(federation=world.federation, loss=0.2, error=0.015, actor=admin)
    contributions.study_start(run=run, actor=admin)
    for job in Job.objects.filter(kind__in=["qkd.rehearse", "influence.study"]):
        assert jobs.run(job.id)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_federation_pages_are_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    world = make_federation(make_people())
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    for filled in (False, True):
        if filled:
            fill(world)
        pages = {f"{name}-{filled}": reverse(name, args=[world.federation.id]) for name in PAGES}
        if filled:
            pages["run-over-flare"] = reverse("run", args=[over_flare(world).id])
        look(page, live_server.url, pages, faults, scheme, size)
    assert not faults, "\n".join(faults)
