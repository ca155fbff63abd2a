"""Rounds with figures, and the progress of sites, as a training would leave them. The figures are from a formula."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from federation.models import Consent, Participant, Round, RunEvent, SiteOrder, TrainingRun
from tests.factories.federation import World
from tests.factories.people import People

MINUTE = timedelta(minutes=1)


def make_consents(world: World, run: TrainingRun, *, of: tuple[str, ...] = ("north", "south")) -> None:
    """Consents of these sites by all who must sign; the run's state is the caller's."""
    for site in of:
        sign_all(world.people, run, world.participants[site], institution=site)


def sign_all(people: People, run: TrainingRun, participant: Participant, *, institution: str) -> None:
    """Operator and officer of an institution have signed a run, and its site's worker has said that it is approved."""
    signers = {"operator": getattr(people, f"operator_{institution}"),
               "officer": getattr(people, f"officer_{institution}"), "site": None}  # fmt: skip
    for capacity, person in signers.items():
        Consent.objects.create(
            run=run, participant=participant, config_hash=run.config_hash, decision="given", capacity=capacity,
            decided_by=person,
        )  # fmt: skip


def make_done_rounds(run: TrainingRun, count: int, *, seconds: float = 60, epsilon: bool = False) -> list[Round]:
    """Finished rounds 1 to `count`, each of this length, the last one just over."""
    rounds = []
    for number in range(1, count + 1):
        start = timezone.now() - timedelta(seconds=seconds) * (count - number + 1)
        end = start + timedelta(seconds=seconds)
        rounds.append(
            Round.objects.create(
                run=run, number=number, state=Round.State.DONE, start_weights={}, weights={"primary": "a" * 64},
                created_at=start, finished_at=end,
                metrics=round_metrics(run, number, epsilon=epsilon),
            )
        )  # fmt: skip
        RunEvent.objects.create(run=run, kind="round", text=f"Round {number} done", at=end)
    return rounds


def round_metrics(run: TrainingRun, number: int, *, epsilon: bool = False) -> dict:
    metric = "dice" if run.config["task"] == "segmentation" else "accuracy"
    sites = sorted(run.config["data_digests"])

    def figure(shift: float, n: int = 40) -> dict:
        return {metric: {"n": n, "mean": round(0.9 - 0.35 / number - shift, 4)}}

    def model(shift: float) -> dict:
        return {
            "overall": figure(shift, 80),
            "site": {site: figure(shift + 0.03 * i) for i, site in enumerate(sites)},
            "groups": {
                "sex": {"female": figure(shift + 0.02), "male": figure(shift)},
                "age_band": {"under 50": figure(shift, 11), "50 and over": figure(shift + 0.04, 69)},
            },
        }

    return {
        "primary": model(0.0),
        "baseline": model(0.015),
        "epsilon": {site: (1.1 * number + 0.2 * i if epsilon else None) for i, site in enumerate(sites)},
        "loss": {
            name: {site: round(0.7 / number + shift + 0.05 * i, 4) for i, site in enumerate(sites)}
            for name, shift in (("primary", 0.1), ("baseline", 0.12))
        },
    }


def make_round_in_hand(run: TrainingRun, number: int, *, started: datetime | None = None) -> Round:
    return Round.objects.create(
        run=run, number=number, start_weights={}, created_at=started or timezone.now() - timedelta(seconds=20)
    )


def make_order(
    round_: Round, participant: Participant, *, kind: str = "train", state: str = "pending", age: timedelta = MINUTE
) -> SiteOrder:
    at = timezone.now() - age
    return SiteOrder.objects.create(
        participant=participant, kind=kind, key=f"{round_.run_id}:{round_.number}:{kind}", subject=round_.id,
        body={"run": str(round_.run_id), "round": round_.number}, state=state, created_at=at, last_contact_at=at,
        answered_at=timezone.now() if state == "answered" else None,
    )  # fmt: skip


def make_step(round_: Round, participant: Participant, *, step: int, steps: int, loss: float) -> RunEvent:
    """A progress message of a site, which is also its sign of life."""
    Participant.objects.filter(id=participant.id).update(last_seen_at=timezone.now())
    return RunEvent.objects.create(
        run_id=round_.run_id, kind="progress", site=participant.site,
        data={
            "doing": "train", "round": round_.number, "model": "primary", "step": step, "steps": steps, "loss": loss
        },
    )  # fmt: skip
